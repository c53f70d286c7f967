from hypothesis import given
from hypothesis import strategies as st

from embedded_services.telemetry.sampler import Sampler


@given(st.integers(1, 50), st.lists(st.floats(0, 0.5), max_size=200))
def test_never_more_than_a_second_s_worth_over_the_rate(per_s: int, steps: list[float]) -> None:
    sampler, now, taken = Sampler(per_s), 1000.0, []
    for step in steps:
        now += step
        if sampler.take(now):
            taken.append(now)
    for start, first in enumerate(taken):
        for count, last in enumerate(taken[start:], 1):
            assert count <= per_s * (last - first) + per_s + 1 + 1e-6


@given(st.integers(1, 50))
def test_under_steady_load_the_rate_is_what_was_asked_for(per_s: int) -> None:
    sampler = Sampler(per_s)
    taken = sum(sampler.take(1000 + step / 1000) for step in range(20_000))
    assert 20 * per_s <= taken <= 21 * per_s + 1


def test_zero_takes_nothing_until_there_is_a_rate_again() -> None:
    sampler = Sampler(0)
    assert not sampler.take(1e9)
    sampler.apply(5)
    assert sampler.take(1e9)
    sampler.apply(0)
    assert not any(sampler.take(1e9 + second) for second in range(100))
    sampler.apply(1000)
    assert sampler.take(1e9 + 101)
