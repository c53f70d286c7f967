from statistics import mean, median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.faults.distributions import LONGEST_S, delay_s
from embedded_services.faults.params import Delay, Distribution

CHANCES = [(nth + 0.5) / 2000 for nth in range(2000)]


def drawn_ms(asked: Delay) -> list[float]:
    return [delay_s(asked, chance) * 1000 for chance in CHANCES]


def test_fixed_is_what_was_asked() -> None:
    assert set(drawn_ms(Delay(ms=250))) == {250.0}


def test_uniform_is_spread_evenly_around_the_time() -> None:
    times = drawn_ms(Delay(distribution="uniform", ms=300, jitter_ms=80))
    assert min(times) == pytest.approx(220, abs=0.1)
    assert max(times) == pytest.approx(380, abs=0.1)
    assert mean(times) == pytest.approx(300)


def test_normal_has_the_mean_and_the_deviation() -> None:
    times = drawn_ms(Delay(distribution="normal", ms=300, jitter_ms=30))
    assert mean(times) == pytest.approx(300, abs=0.5)
    assert stdev(times) == pytest.approx(30, rel=0.01)


def test_lognormal_has_the_median_and_the_tail() -> None:
    times = sorted(drawn_ms(Delay(distribution="lognormal", median_ms=200, sigma=0.5)))
    assert median(times) == pytest.approx(200, rel=0.01)
    assert times[int(len(times) * 0.99)] == pytest.approx(200 * 3.2, rel=0.03)


@given(
    st.sampled_from(["fixed", "uniform", "normal", "lognormal"]),
    st.floats(0, 60_000),
    st.floats(0, 60_000),
    st.floats(0, 3),
    st.floats(0, 1, exclude_max=True),
)
def test_no_time_is_negative_or_without_end(
    shape: Distribution, ms: float, jitter_ms: float, sigma: float, chance: float
) -> None:
    asked = Delay(distribution=shape, ms=ms, jitter_ms=jitter_ms, median_ms=max(0.1, ms), sigma=sigma)
    assert 0.0 <= delay_s(asked, chance) <= LONGEST_S
