import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.faults.expiry import Timing
from embedded_services.faults.params import Abort, Params

ARMED, DEADLINE = 100.0, 160.0


def strength(now: float, **timed: float) -> float:
    return Timing(Abort(**timed), ARMED, DEADLINE).strength(now)  # type: ignore[arg-type]  # its numbers


def test_it_acts_from_its_arming_until_its_deadline() -> None:
    assert strength(ARMED) == 1.0
    assert strength(159.999) == 1.0
    assert strength(DEADLINE) == 0.0


@given(
    st.floats(0, 1e6),
    st.floats(0, 3600),
    st.floats(0, 3600),
    st.floats(0, 3600),
)
def test_nothing_acts_when_its_deadline_has_come(
    late: float, after: float, lasts: float, ramp: float
) -> None:
    assert strength(DEADLINE + late, after_s=after, for_s=lasts, ramp_s=ramp) == 0.0


def test_it_begins_after_a_while() -> None:
    assert strength(104.9, after_s=5) == 0.0
    assert strength(105.0, after_s=5) == 1.0


def test_an_outage_is_over_after_its_time() -> None:
    assert [strength(now, after_s=5, for_s=10) for now in (104, 105, 114, 115, 140)] == [0, 1, 1, 0, 0]


def test_an_outage_comes_back_every_so_often() -> None:
    moments = (100, 101, 102, 109, 110, 111, 112, 130)
    assert [strength(now, for_s=2, every_s=10) for now in moments] == [1, 1, 0, 0, 1, 1, 0, 1]


def test_a_ramp_grows_to_full_strength() -> None:
    assert [strength(now, ramp_s=10) for now in (100, 101, 105, 110, 120)] == [0, 0.1, 0.5, 1, 1]


def test_a_kind_without_timing_acts_all_the_time() -> None:
    assert Timing(Params(), ARMED, DEADLINE).strength(130.0) == 1.0


@pytest.mark.parametrize("wrong", [{"every_s": 10.0}, {"every_s": 10.0, "for_s": 10.0}])
def test_what_recurs_must_pause_in_between(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="forS"):
        Abort(**wrong)  # type: ignore[arg-type]  # its numbers
