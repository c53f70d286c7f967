from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.traffic import Arrivals, Step
from embedded_services.traffic.schedule import NEVER, Curve, due_times

RATES = st.floats(0.1, 500)
STEPS = st.lists(
    st.builds(Step, at_s=st.floats(0, 20), rate=st.one_of(st.just(0.0), RATES), ramp_s=st.one_of(st.just(0.0), st.floats(0.01, 10))),
    max_size=5,
)  # fmt: skip


def until(end: float, curve: Curve, arrivals: Arrivals = Arrivals.CONSTANT, seed: int = 1) -> list[float]:
    return list(takewhile(lambda t: t < end, due_times(curve, arrivals, seed)))


def test_constant_arrivals_are_evenly_spaced_and_begin_at_once() -> None:
    assert until(0.5, Curve(10.0)) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@given(RATES, STEPS, st.floats(0.1, 40))
def test_as_many_are_due_as_the_curve_asks_for(rate: float, steps: list[Step], end: float) -> None:
    curve = Curve(rate, steps)
    assert abs(len(until(end, curve)) - curve.area(end)) <= 1.0 + 1e-6


@given(RATES, STEPS, st.sampled_from(Arrivals), st.integers(0, 1000))
def test_due_times_rise(rate: float, steps: list[Step], arrivals: Arrivals, seed: int) -> None:
    times = list(islice(due_times(Curve(rate, steps), arrivals, seed), 300))
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert not times or times[0] >= 0


@given(RATES, STEPS, st.floats(0, 40), st.floats(0, 40))
def test_area_grows_and_is_what_the_rate_adds_up_to(
    rate: float, steps: list[Step], one: float, other: float
) -> None:
    curve = Curve(rate, steps)
    start, end = sorted((one, other))
    slices = 400
    width = (end - start) / slices
    summed = sum(curve.rate(start + (number + 0.5) * width) * width for number in range(slices))
    jump = max(rate, *(step.rate for step in steps)) if steps else rate
    assert curve.area(end) - curve.area(start) == pytest.approx(summed, abs=1e-6 + 6 * jump * width)


@given(RATES, STEPS, st.floats(0, 400))
def test_reaches_is_the_inverse_of_area(rate: float, steps: list[Step], area: float) -> None:
    curve = Curve(rate, steps)
    t = curve.reaches(area)
    if t < NEVER:
        assert curve.area(t) == pytest.approx(area, rel=1e-6, abs=1e-6)


def test_ramp_leads_from_one_rate_to_the_other() -> None:
    curve = Curve(10.0, [Step(at_s=1.0, rate=20.0, ramp_s=2.0)])
    assert [curve.rate(t) for t in (0.0, 1.0, 2.0, 3.0, 9.0)] == [10.0, 10.0, 15.0, 20.0, 20.0]
    assert curve.area(3.0) == pytest.approx(10.0 + 30.0)


def test_step_that_comes_while_another_still_moves_takes_over_from_there() -> None:
    curve = Curve(0.1, [Step(at_s=0.0, rate=100.0, ramp_s=10.0), Step(at_s=5.0, rate=10.0)])
    assert curve.rate(4.999) == pytest.approx(50.0, rel=0.01)
    assert curve.rate(5.0) == 10.0
    assert curve.rate(20.0) == 10.0


def test_pause_sends_nothing_and_ends() -> None:
    curve = Curve(10.0, [Step(at_s=1.0, rate=0.0), Step(at_s=3.0, rate=10.0)])
    times = until(3.5, curve)
    assert len(times) == 15
    assert not [t for t in times if 1.0 <= t < 3.0]


def test_plan_that_ends_in_a_pause_has_an_end() -> None:
    assert len(list(due_times(Curve(10.0, [Step(at_s=1.0, rate=0.0)]), Arrivals.CONSTANT, 1))) == 10


@given(st.integers(0, 2**53 - 1))
def test_poisson_arrivals_repeat_with_their_seed(seed: int) -> None:
    once, again = (list(islice(due_times(Curve(50.0), Arrivals.POISSON, seed), 50)) for _ in range(2))
    assert once == again


def test_poisson_arrivals_come_at_the_rate_and_vary_as_they_should() -> None:
    """Of a Poisson process the number in an interval has its mean as its variance: of 40,000 expected, 99.99 % lie within 3.9
    standard deviations; gaps have a mean and a deviation of 1 / rate."""
    times = until(40.0, Curve(1000.0), Arrivals.POISSON, seed=7)
    assert abs(len(times) - 40_000) < 3.9 * 200
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.03)


@given(st.floats(0, 1))
def test_progress_of_an_arrival_is_kept_when_a_plan_changes(progress: float) -> None:
    first = next(due_times(Curve(2.0), Arrivals.CONSTANT, 1, progress))
    assert first == pytest.approx((1 - progress) / 2.0, abs=1e-9)
