"""The three algorithms against models that are too simple to be wrong, over any pattern of arrivals and any edits."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.limits.fixed_window import FixedWindow
from embedded_services.limits.sliding_window import ENTRY, PARTS, SlidingWindow
from embedded_services.limits.token_bucket import TokenBucket
from embedded_services.limits.verdict import Algorithm, Rule, Verdict

SECOND = 1_000_000

gaps = st.lists(
    st.one_of(st.just(0), st.integers(0, 3 * SECOND), st.integers(0, SECOND // 50)), min_size=1, max_size=80
)
rules = st.builds(Rule, st.integers(1, 12), st.integers(1, 3).map(lambda s: s * SECOND))


def run(algorithm: Algorithm[Any], rule: Rule, waits: list[int]) -> Iterator[tuple[int, Verdict]]:
    memory, now = None, 0
    for wait in waits:
        now += wait
        memory, verdict = algorithm.take(memory, rule, now)
        yield now, verdict


@given(rules, gaps)
def test_fixed_window_admits_the_first_of_each_window(rule: Rule, waits: list[int]) -> None:
    opened, count = None, 0
    for now, verdict in run(FixedWindow(), rule, waits):
        if opened is None or now >= opened + rule.window_us:
            opened, count = now, 0
        assert verdict.allowed == (count < rule.limit)
        count += verdict.allowed
        assert verdict.remaining == rule.limit - count
        assert verdict.reset_s == (opened + rule.window_us - now) / SECOND


@given(rules, gaps)
def test_sliding_window_never_admits_more_in_any_stretch_and_refuses_only_what_would(
    rule: Rule, waits: list[int]
) -> None:
    admitted: list[int] = []
    for now, verdict in run(SlidingWindow(), rule, waits):
        if verdict.allowed:
            admitted.append(now)
            assert sum(at > now - rule.window_us for at in admitted) <= rule.limit
        else:
            horizon = now - rule.window_us - rule.window_us // PARTS
            assert sum(at > horizon for at in admitted) >= rule.limit
            assert verdict.reset_s > 0


def test_sliding_window_forgets_a_request_that_came_alone_exactly_on_time() -> None:
    rule = Rule(1, 60 * SECOND)
    log, first = SlidingWindow().take(None, rule, 0)
    log, early = SlidingWindow().take(log, rule, 60 * SECOND - 1)
    _, due = SlidingWindow().take(log, rule, 60 * SECOND)
    assert (first.allowed, early.allowed, due.allowed) == (True, False, True)


@given(st.integers(1, 10**9), st.lists(st.integers(0, SECOND), min_size=500, max_size=500))
def test_sliding_window_remembers_a_bounded_log_whatever_the_limit(limit: int, waits: list[int]) -> None:
    log, now, rule = None, 0, Rule(limit, 60 * SECOND)
    for wait in waits:
        now += wait
        log, _ = SlidingWindow().take(log, rule, now)
        assert len(log) <= 1 + ENTRY * (PARTS + 1)
        assert log[0] == sum(log[ENTRY::ENTRY])


@given(rules, gaps)
def test_token_bucket_is_the_textbook_one_without_a_rounding_error(rule: Rule, waits: list[int]) -> None:
    tokens, at = Fraction(rule.limit), 0
    for now, verdict in run(TokenBucket(), rule, waits):
        tokens = min(Fraction(rule.limit), tokens + Fraction((now - at) * rule.limit, rule.window_us))
        at = now
        assert verdict.allowed == (tokens >= 1)
        if verdict.allowed:
            tokens -= 1
        assert verdict.remaining == tokens // 1


@given(rules, gaps)
def test_waiting_until_the_reset_is_enough_and_less_is_not(rule: Rule, waits: list[int]) -> None:
    algorithms: tuple[Algorithm[Any], ...] = (FixedWindow(), SlidingWindow(), TokenBucket())
    for algorithm in algorithms:
        memory, now = None, 0
        for wait in waits:
            now += wait
            memory, verdict = algorithm.take(memory, rule, now)
            if not verdict.allowed:
                due = now + round(verdict.reset_s * SECOND)
                assert not algorithm.take(memory, rule, due - 1)[1].allowed
                assert algorithm.take(memory, rule, due)[1].allowed


@given(rules, rules, gaps, st.integers(0, 4 * SECOND))
def test_a_look_shows_what_counts_and_when_that_grows_less(
    old: Rule, rule: Rule, waits: list[int], later: int
) -> None:
    """Also after an edit, that may have lowered the limit below what had been admitted."""
    algorithms: tuple[Algorithm[Any], ...] = (FixedWindow(), SlidingWindow(), TokenBucket())
    for algorithm in algorithms:
        memory, now = None, later
        for wait in waits:
            now += wait
            memory, _ = algorithm.take(memory, old, now)
        seen = algorithm.standing(memory, rule, now)
        assert seen.requests == algorithm.usage(memory, rule, now).requests
        assert (seen.reset_s > 0) == (seen.requests > 0)
        if seen.requests:
            due = now + round(seen.reset_s * SECOND)
            allowance = max(0, rule.limit - seen.requests)
            assert max(0, rule.limit - algorithm.standing(memory, rule, due - 1).requests) == allowance
            assert rule.limit - algorithm.standing(memory, rule, due).requests > allowance


@pytest.mark.parametrize("algorithm", [FixedWindow(), SlidingWindow(), TokenBucket()])
@pytest.mark.parametrize("limit", [1, 7, 100, 999, 1000, 5000])
def test_of_a_thousand_at_once_exactly_the_limit_passes(algorithm: Algorithm[Any], limit: int) -> None:
    verdicts = [verdict for _, verdict in run(algorithm, Rule(limit, 60 * SECOND), [0] * 1000)]
    assert sum(verdict.allowed for verdict in verdicts) == min(limit, 1000)


@pytest.mark.parametrize("algorithm", [FixedWindow(), SlidingWindow(), TokenBucket()])
@given(before=st.integers(0, 20), old=rules, new=rules)
def test_what_was_counted_goes_on_counting_after_an_edit_of_the_limit(
    algorithm: Algorithm[Any], before: int, old: Rule, new: Rule
) -> None:
    new = Rule(new.limit, old.window_us)
    memory, admitted = None, 0
    for _ in range(before):
        memory, verdict = algorithm.take(memory, old, 0)
        admitted += verdict.allowed
    for _ in range(20):
        memory, verdict = algorithm.take(memory, new, 0)
        admitted += verdict.allowed
    assert admitted == max(min(before, old.limit), min(new.limit, 20 + min(before, old.limit)))


@given(st.integers(1, 100), rules, rules)
def test_a_bucket_keeps_its_debt_after_an_edit_of_the_window(taken: int, old: Rule, new: Rule) -> None:
    memory = None
    for _ in range(taken):
        memory, _ = TokenBucket().take(memory, old, 0)
    assert memory is not None
    assert TokenBucket().usage(memory, new, 0).requests == min(taken, old.limit)
