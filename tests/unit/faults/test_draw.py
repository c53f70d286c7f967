import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.faults.draw import chance, key_of

seeds = st.integers(0, (1 << 32) - 1)
slots = st.sampled_from(["gateway", "order-1", "payment-2"])


@given(seeds, slots, st.lists(st.integers(1, 10**9), max_size=20))
def test_the_same_seed_and_order_give_the_same_draws(seed: int, slot: str, order: list[int]) -> None:
    def draws() -> list[float]:
        return [chance(key_of(seed, slot), nth) for nth in order]

    assert draws() == draws()


@given(seeds, slots, st.integers(1, 10**12))
def test_a_draw_is_at_least_zero_and_less_than_one(seed: int, slot: str, nth: int) -> None:
    assert 0.0 <= chance(key_of(seed, slot), nth) < 1.0


@pytest.mark.parametrize(("share", "low", "high"), [(0.01, 75, 127), (0.1, 923, 1078), (0.5, 4871, 5129)])
def test_so_many_of_ten_thousand_strike(share: float, low: int, high: int) -> None:
    """Inside the interval in which 99 % of such counts lie, for nearly all seeds."""
    keys = [key_of(seed, "gateway") for seed in range(20)]
    counts = [sum(chance(key, nth) < share for nth in range(1, 10_001)) for key in keys]
    assert sum(low <= count <= high for count in counts) >= 18


def test_seeds_slots_and_purposes_draw_for_themselves() -> None:
    keys = [key_of(1, "order-1"), key_of(2, "order-1"), key_of(1, "order-2"), key_of(1, "order-1", "time")]
    series = [tuple(chance(key, nth) < 0.5 for nth in range(1, 101)) for key in keys]
    assert len(set(series)) == len(series)


def test_what_was_decided_once_is_decided_for_good() -> None:
    """Whoever replays a run with its seed relies on it."""
    assert [round(chance(key_of(7, "gateway"), nth), 6) for nth in (1, 2, 3)] == [
        0.304687,
        0.277107,
        0.163871,
    ]
