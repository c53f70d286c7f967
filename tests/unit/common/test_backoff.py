from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.backoff import Backoff

chances = st.floats(0, 1, exclude_max=True)


def test_wait_doubles_up_to_its_ceiling() -> None:
    backoff = Backoff(0.1, 1.0)
    assert [round(backoff.delay(failures, 0.0), 3) for failures in (1, 2, 3, 4, 5, 6)] == [
        0.1,
        0.2,
        0.4,
        0.8,
        1,
        1,
    ]


@given(st.integers(0, 10**9), chances)
def test_wait_is_bounded_for_any_number_of_failures(failures: int, chance: float) -> None:
    assert 0.05 <= Backoff(0.1, 30.0).delay(failures, chance) <= 30.0


@given(st.integers(1, 100), chances)
def test_chance_takes_off_at_most_the_jitter(failures: int, chance: float) -> None:
    backoff = Backoff(0.1, 30.0, jitter=0.25)
    full = backoff.delay(failures, 0.0)
    assert 0.75 * full <= backoff.delay(failures, chance) <= full
