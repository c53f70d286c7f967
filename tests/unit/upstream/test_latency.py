import math

from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.instances import Latency
from embedded_services.upstream.latency import SECONDS, RecentLatency

latencies = st.floats(0.0, 100.0)


@given(st.lists(latencies, min_size=1, max_size=200))
def test_quantiles_are_within_three_percent_of_the_exact_ones(seconds: list[float]) -> None:
    recent = RecentLatency()
    for latency in seconds:
        recent.record(latency, 0.5)
    read = recent.read(0.5)
    ordered = sorted(seconds)
    for said, share in ((read.p50, 0.5), (read.p99, 0.99)):
        exact_ms = ordered[math.ceil(len(ordered) * share) - 1] * 1000
        assert said is not None
        assert abs(said - exact_ms) <= 0.032 * exact_ms + 0.002


@given(st.lists(st.tuples(st.floats(0, 3), latencies), max_size=60))
def test_only_the_last_ten_seconds_are_told(calls: list[tuple[float, float]]) -> None:
    recent, now, recorded = RecentLatency(), 0.0, []
    for wait, latency in calls:
        now += wait
        recent.record(latency, now)
        recorded.append((now, latency))
        newer = [value for at, value in recorded if int(at) > int(now) - SECONDS]
        read = recent.read(now)
        assert read.p99 is not None
        assert (
            abs(read.p99 - sorted(newer)[math.ceil(len(newer) * 0.99) - 1] * 1000) <= 0.032 * read.p99 + 0.01
        )
    assert recent.read(now + SECONDS + 1) == Latency()


def test_without_calls_there_is_no_latency() -> None:
    assert RecentLatency().read(1.0) == Latency(p50=None, p99=None)
