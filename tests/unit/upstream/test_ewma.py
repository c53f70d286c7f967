import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.ewma import DECAY_S, FAILED_S, PeakEwma

observations = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 3)), min_size=1)


def test_nothing_is_known_before_the_first_answer() -> None:
    assert PeakEwma().read(1.0) is None


@given(observations)
def test_it_follows_a_rise_at_once_and_stays_between_zero_and_the_peak(
    given_: list[tuple[float, float]],
) -> None:
    ewma, now, peak = PeakEwma(), 0.0, 0.0
    for seconds, later in given_:
        now += later
        peak = max(peak, seconds)
        ewma.observe(seconds, now)
        value = ewma.read(now)
        assert value is not None
        assert value >= seconds or value == pytest.approx(seconds)
        assert value <= peak or value == pytest.approx(peak)


def test_what_is_not_renewed_is_forgotten_by_and_by() -> None:
    ewma = PeakEwma()
    ewma.observe(1.0, 0.0)
    assert ewma.read(DECAY_S) == pytest.approx(0.3679, abs=0.001)
    ewma.observe(0.1, DECAY_S)
    assert 0.1 < (ewma.read(DECAY_S) or 0) < 0.45


def test_a_quick_failure_does_not_look_quick() -> None:
    ewma = PeakEwma()
    ewma.observe(0.001, 0.0)
    ewma.failed(0.0001, 0.0)
    assert ewma.read(0.0) == FAILED_S
    ewma.at_least(0.01, 0.0)
    assert ewma.read(0.0) == FAILED_S
