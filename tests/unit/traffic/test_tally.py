from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.traffic import Cause, TrafficPlan
from embedded_services.traffic.mix import kinds_of
from embedded_services.traffic.tally import Tally

KINDS = kinds_of(TrafficPlan(), "127.0.0.1:3000", ["p"])
OUTCOMES = st.one_of(
    st.tuples(st.just("answered"), st.sampled_from([200, 201, 401, 429, 500, 503]), st.floats(0.0001, 20)),
    st.tuples(st.just("broke"), st.sampled_from([Cause.RESET, Cause.TIMEOUT]), st.floats(0.0001, 20)),
    st.tuples(st.just("unsent"), st.sampled_from([Cause.NOT_SENT, Cause.TOO_LATE]), st.just(0.0)),
)


def tally() -> Tally:
    made = Tally()
    made.kinds(KINDS)
    return made


@given(st.lists(st.lists(OUTCOMES, max_size=8), max_size=6))
def test_samples_add_up_to_the_totals_and_nothing_is_lost(
    quarters: list[list[tuple[str, int | Cause, float]]],
) -> None:
    counted = tally()
    samples = []
    for quarter in quarters:
        for what, outcome, took in quarter:
            if isinstance(outcome, Cause):
                if what == "unsent":
                    counted.unsent(outcome)
                else:
                    counted.broke(counted.sent(0, 0.0), outcome, took)
            else:
                counted.answered(counted.sent(1, 0.001), outcome, took)
        samples.append(counted.sample(1, 0.0, 0.25, 4.0, 0, 0.0))
    totals = counted.totals()
    everything = [outcome for quarter in quarters for outcome in quarter]
    assert totals.due == len(everything) == sum(sample.due for sample in samples)
    assert totals.sent == sum(what != "unsent" for what, _, _ in everything) == sum(s.sent for s in samples)
    assert totals.done == totals.sent
    assert totals.failed == sum(isinstance(of, Cause) or of >= 500 for _, of, _ in everything)
    assert totals.failed == sum(sample.failed for sample in samples)
    assert sum(totals.statuses.values()) + sum(totals.errors.values()) == totals.due
    statuses: Counter[str] = Counter()
    for sample in samples:
        statuses.update(sample.statuses)
    assert dict(statuses) == totals.statuses
    answered = [took for what, of, took in everything if what == "answered" or of is Cause.TIMEOUT]
    assert totals.max_ms == (pytest.approx(1000 * max(answered), abs=0.001) if answered else None)


def test_latencies_of_a_sample_are_of_the_last_second() -> None:
    counted = tally()
    counted.answered(counted.sent(0, 0.0), 200, 10.0)
    longest = [counted.sample(1, 0.0, 0.25, 4.0, 0, 0.0).max_ms for _ in range(5)]
    assert longest == [10_000.0, 10_000.0, 10_000.0, 10_000.0, None]


def test_what_still_waits_is_part_of_the_longest() -> None:
    """A system that answers nobody must not look fast."""
    sample = tally().sample(1, 0.0, 0.25, 4.0, 1, 7.5)
    assert (sample.max_ms, sample.p99_ms) == (7_500.0, None)


def test_rate_is_what_was_sent_over_the_time_that_it_took() -> None:
    counted = tally()
    for _ in range(10):
        counted.sent(0, 0.0)
    assert counted.sample(1, 0.0, 0.5, 20.0, 10, 0.0).rate == 20.0


@given(st.floats(0.0001, 100))
def test_no_quantile_lies_beyond_the_longest(took: float) -> None:
    counted = tally()
    counted.answered(counted.sent(0, took), 200, took)
    sample = counted.sample(1, 0.0, 0.25, 4.0, 0, 0.0)
    longest = sample.max_ms
    assert longest is not None
    assert longest == pytest.approx(1000 * took, abs=0.001)
    for quantile in (sample.p50_ms, sample.p95_ms, sample.p99_ms, sample.late_ms):
        assert quantile is not None
        assert quantile <= longest
        assert quantile == pytest.approx(1000 * took, rel=0.01, abs=0.001)


def test_kind_keeps_its_figures_when_the_mix_changes() -> None:
    counted = tally()
    counted.answered(counted.sent(2, 0.0), 200, 0.01)
    counted.kinds(KINDS[:1])
    counted.sample(1, 0.0, 0.25, 4.0, 0, 0.0)
    by_name = {kind.name: kind for kind in counted.totals().kinds}
    assert (by_name["login"].done, by_name["login"].share) == (1, 0.0)
    assert by_name["browse"].share == pytest.approx(60.0)
