import math

from app.panels.traffic.traffic_series import KEPT, TrafficSeries, curves
from embedded_services.contracts.traffic import TrafficSample


def sample(at: float, run: int = 1, **changes: object) -> TrafficSample:
    return TrafficSample(run=run, at=at, asked=10.0, **changes)  # type: ignore[arg-type]  # fields by name


def test_ten_minutes_are_kept_and_no_more() -> None:
    series = TrafficSeries()
    series.take(sample(number / 4) for number in range(3 * KEPT))
    assert len(series) == KEPT
    assert len(series.curves(0.0).times) == KEPT


def test_curve_has_a_gap_between_runs_and_where_samples_are_missing() -> None:
    drawn = curves([sample(1.0), sample(1.25), sample(1.5, run=2), sample(9.0, run=2)])
    assert [math.isnan(value) for value in drawn.asked] == [False, False, True, False, True, False]
    assert drawn.times == [1.0, 1.25, 1.25, 1.5, 1.5, 9.0]


def test_answers_are_stacked_a_second() -> None:
    drawn = curves(
        [sample(1.0), sample(1.25, statuses={"200": 5, "201": 1, "429": 2, "503": 1}, errors={"reset": 1})]
    )
    assert {name: values[1] for name, values in drawn.answers.items()} == {
        "2xx": 24.0, "3xx": 24.0, "4xx": 24.0, "429": 32.0, "5xx": 36.0, "error": 40.0,
    }  # fmt: skip


def test_what_is_not_known_is_a_gap_and_not_zero() -> None:
    (p99,) = curves([sample(1.0)]).p99
    assert math.isnan(p99)


def test_recent_are_those_of_the_last_seconds() -> None:
    series = TrafficSeries()
    series.take([sample(1.0), sample(5.0), sample(6.0)])
    assert [one.at for one in series.recent(2.0)] == [5.0, 6.0]
