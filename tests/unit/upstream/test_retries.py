from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.settings import RetryPolicy
from embedded_services.upstream.retries import (
    NOTHING_SENT,
    Fault,
    Next,
    Situation,
    decide,
    is_repeatable,
    try_timeout,
    wait_s,
)

situations = st.builds(
    Situation,
    fault=st.sampled_from(Fault),
    repeatable=st.booleans(),
    intact=st.booleans(),
    tries=st.integers(1, 5),
    allowed=st.integers(1, 5),
    untried=st.booleans(),
    time_left_s=st.floats(-1, 5),
    enabled=st.booleans(),
)


@given(situations)
def test_what_may_have_been_done_is_repeated_only_if_that_has_no_second_effect(situation: Situation) -> None:
    if decide(situation) is not Next.GIVE_UP:
        assert situation.repeatable or situation.fault in NOTHING_SENT


@given(situations)
def test_nothing_is_repeated_without_body_or_time_left(situation: Situation) -> None:
    if not situation.intact or situation.time_left_s <= 0:
        assert decide(situation) is Next.GIVE_UP


@given(situations)
def test_no_other_instance_is_tried_without_tries_left_or_when_that_is_switched_off(
    situation: Situation,
) -> None:
    if situation.tries >= situation.allowed or not situation.enabled:
        assert decide(situation) is not Next.ELSEWHERE


@given(situations)
def test_the_same_instance_is_never_tried_again_while_another_may_be(situation: Situation) -> None:
    step = decide(situation)
    may = situation.enabled and situation.untried and situation.tries < situation.allowed
    assert not (step is Next.AGAIN and may)
    assert not (step is Next.ELSEWHERE and not situation.untried)


@given(situations)
def test_the_last_instance_is_tried_again_only_for_a_connection_that_was_kept_too_long(
    situation: Situation,
) -> None:
    if decide(situation) is Next.AGAIN:
        assert situation.fault is Fault.STALE


@given(situations)
def test_whatever_can_be_repeated_is(situation: Situation) -> None:
    harmless = situation.repeatable or situation.fault in NOTHING_SENT
    left = situation.intact and situation.time_left_s > 0 and situation.tries < situation.allowed
    if situation.enabled and harmless and left and situation.untried:
        assert decide(situation) is Next.ELSEWHERE


def test_what_counts_as_repeatable() -> None:
    assert is_repeatable("GET", False)
    assert is_repeatable("DELETE", False)
    assert not is_repeatable("POST", False)
    assert not is_repeatable("PATCH", False)
    assert is_repeatable("POST", True)


def test_only_a_try_that_could_be_repeated_is_cut_short() -> None:
    assert try_timeout(5.0, 1.0, could_be_repeated=True) == 1.0
    assert try_timeout(0.3, 1.0, could_be_repeated=True) == 0.3
    assert try_timeout(5.0, 1.0, could_be_repeated=False) == 5.0


@given(st.sampled_from(Fault), st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_drawn_from_zero_to_a_bound_that_doubles(
    fault: Fault, repetition: int, chance: float
) -> None:
    policy = RetryPolicy(backoff_s=0.1, backoff_max_s=0.5)
    wait = wait_s(fault, repetition, policy, chance)
    assert 0 <= wait <= min(0.5, 0.1 * 2 ** (repetition - 1))
    if fault in NOTHING_SENT or fault is Fault.STALE:
        assert wait == 0


def test_the_bounds_of_the_first_waits() -> None:
    policy = RetryPolicy(backoff_s=0.1, backoff_max_s=0.5)
    waits = [wait_s(Fault.BROKEN, repetition, policy, 0.5) for repetition in (1, 2, 3, 4, 5)]
    assert waits == [0.05, 0.1, 0.2, 0.25, 0.25]
