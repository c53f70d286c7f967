import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.traffic_words import failed_percent, next_rate, percent_text, phase_text, rate_text
from embedded_services.contracts.traffic import LEAST_RATE, MOST_RATE, Phase, Traffic, TrafficSample


@pytest.mark.parametrize(("rate", "text"), [(0.5, "0.5"), (120.0, "120"), (1500.0, "1,500")])
def test_rate_has_no_superfluous_places(rate: float, text: str) -> None:
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("rate", "more", "less"),
    [
        (0.1, 0.2, 0.1),
        (1, 2, 0.9),
        (10, 15, 9),
        (12, 15, 10),
        (100, 110, 95),
        (120, 130, 110),
        (5000, 5000, 4900),
    ],
)
def test_step_suits_the_rate_and_goes_to_round_numbers(rate: float, more: float, less: float) -> None:
    assert (next_rate(rate, more=True), next_rate(rate, more=False)) == (more, less)


@given(st.floats(LEAST_RATE, MOST_RATE), st.booleans())
def test_step_goes_the_right_way_and_stays_within_the_bounds(rate: float, more: bool) -> None:
    stepped = next_rate(rate, more=more)
    assert LEAST_RATE <= stepped <= MOST_RATE
    assert stepped >= rate if more else stepped <= rate


@pytest.mark.parametrize(
    ("percent", "text"),
    [(None, "–"), (0, "0 %"), (0.004, "< 0.1 %"), (0.5, "0.5 %"), (99.97, "99.9 %"), (100, "100 %")],
)
def test_little_never_reads_as_nothing_nor_most_as_all(percent: float | None, text: str) -> None:
    assert percent_text(percent) == text


def test_what_was_not_sent_failed_too() -> None:
    sample = TrafficSample(run=1, at=0.0, asked=1.0, done=3, failed=2, errors={"not-sent": 1})
    assert failed_percent([sample]) == 50.0
    assert failed_percent([]) is None


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        (None, "Not known yet"),
        (Traffic(), "Not started"),
        (Traffic(run=1), "Stopped"),
        (Traffic(phase=Phase.SIGNING_IN, run=1), "Starting: the first client signs in"),
        (Traffic(phase=Phase.RUNNING, run=1, since=1000.0), "Running for 1:05"),
        (Traffic(phase=Phase.FINISHING, run=1, in_flight=3), "Waiting for 3 answers"),
    ],
)
def test_phase_is_one_line(traffic: Traffic | None, text: str) -> None:
    assert phase_text(traffic, 1065.0) == text
