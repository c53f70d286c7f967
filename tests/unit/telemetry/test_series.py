import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.telemetry import buckets
from embedded_services.telemetry.series import BOUNDS_S, WINDOW_S, Recent, Series, together

latencies = st.floats(2**-20, 100.0, width=32)


@given(st.lists(latencies, min_size=1, max_size=200))
def test_quantiles_are_right_to_a_percent(took: list[float]) -> None:
    counts = buckets.count(took)
    assert counts.total() == len(took)
    ordered = sorted(took)
    for share in (0.5, 0.9, 0.99):
        (found,) = buckets.quantiles(counts.items(), [share])
        rank = max(1, -(-len(took) * int(share * 100) // 100))
        assert found == pytest.approx(ordered[rank - 1], rel=0.01)


@given(latencies)
def test_a_bucket_holds_what_lies_between_its_ends(took: float) -> None:
    (bucket,) = buckets.count([took])
    assert buckets.lowest(bucket) <= took < buckets.lowest(bucket + 1)
    assert buckets.lowest(bucket + 1) - buckets.lowest(bucket) <= took / 100


def test_nothing_has_no_quantiles() -> None:
    assert buckets.quantiles([], (0.5, 0.99)) == [None, None]


@given(st.lists(latencies, max_size=100), st.lists(latencies, max_size=100))
def test_the_histogram_for_prometheus_counts_all_and_rises(first: list[float], second: list[float]) -> None:
    series = Series("/r", "s", "i")
    for part in (first, second):
        if part:
            series.digest(200, part)
        series.turn()
    below = series.below_bounds()
    assert below == sorted(below)
    assert below[-1] == len(first) + len(second)
    for bound, count in zip(BOUNDS_S, below, strict=False):
        surely = sum(took < bound * 0.98 for took in (*first, *second))
        perhaps = sum(took < bound * 1.02 for took in (*first, *second))
        assert surely <= count <= perhaps


def test_totals_agree_with_hdrhistogram_s_own_recording() -> None:
    took = [0.0005 * 1.01**number for number in range(900)]
    series, own = Series("/r", "s", "i"), HdrHistogram(1, 3_600_000_000, 2)
    for second in range(3):
        series.digest(200, took[second * 300 : second * 300 + 300])
        series.turn()
    for one in took:
        own.record_value(int(one * 1_000_000))
    assert series.statuses[200] == 900
    for share in (50, 90, 99):
        (ours,) = buckets.quantiles(buckets.count(took).items(), [share / 100])
        assert ours == pytest.approx(own.get_value_at_percentile(share) / 1_000_000, rel=0.02)


def test_what_is_older_than_the_window_is_in_the_totals_only() -> None:
    series = Series("/r", "s", "i")
    series.digest(503, [0.1])
    series.turn()
    assert (series.recent.requests, series.recent.failed, series.recent.rate) == (1, 1, 0.1)
    for _ in range(WINDOW_S - 1):
        series.turn()
    assert series.recent.requests == 1
    series.turn()
    assert series.recent == Recent.nothing()
    assert series.below_bounds()[-1] == 1


def test_several_series_together_are_their_sum() -> None:
    one, two = Series("/r", "s", "i"), Series("/r", "s", "j")
    one.digest(200, [0.1, 0.2])
    two.digest(500, [0.3])
    one.turn()
    two.turn()
    both = together([one, two])
    assert (both.requests, both.failed, both.counts.total()) == (3, 1, 3)
    assert both.latency.p99 == pytest.approx(300, rel=0.01)
    assert together([]) == Recent.nothing()
