"""Many of something are one burst: it begins when enough came, and a pause is no end."""

from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_services.control.timeline.bursts import Burst, Threshold, Totals, step

THRESHOLD = Threshold(begin=5, within_s=2.0, keep=2, quiet_s=4.0)


def fed(*came: tuple[float, int]) -> tuple[Burst, list[bool]]:
    burst, told = Burst(), []
    for now, more in came:
        burst, tells = step(burst, more, now, THRESHOLD)
        told.append(tells)
    return burst, told


def test_too_few_are_no_burst() -> None:
    burst, told = fed((0.0, 2), (1.0, 2), (5.0, 4))
    assert not any(told)
    assert burst.count == 0


def test_those_that_began_it_are_counted() -> None:
    burst, told = fed((0.0, 2), (1.0, 4))
    assert told == [False, True]
    assert (burst.number, burst.count) == (1, 6)


def test_it_goes_on_with_fewer_than_it_began_with() -> None:
    burst, told = fed((0.0, 6), (3.0, 2), (6.0, 2), (9.0, 2))
    assert all(told)
    assert (burst.number, burst.count) == (1, 12)


def test_it_is_over_when_too_few_came_for_long_enough() -> None:
    burst, told = fed((0.0, 6), (3.0, 1), (6.0, 1))
    assert told == [True, True, False]
    assert burst.count == 0


def test_the_next_one_counts_from_its_own_beginning() -> None:
    burst, told = fed((0.0, 6), (60.0, 7))
    assert told == [True, True]
    assert (burst.number, burst.count) == (2, 7)


def test_nothing_new_is_not_told() -> None:
    _, told = fed((0.0, 6), (0.5, 0))
    assert told == [True, False]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 20)), max_size=60))
def test_no_burst_counts_more_than_came(steps: list[tuple[float, int]]) -> None:
    burst, now, total = Burst(), 0.0, 0
    for passed, more in steps:
        now += passed
        total += more
        burst, tells = step(burst, more, now, THRESHOLD)
        assert burst.count <= total
        assert len(burst.recent) <= 100
        assert not tells or burst.count > 0


def test_totals_that_begin_again_lose_nothing() -> None:
    totals = Totals()
    assert [totals.more("a", total) for total in (3, 3, 10, 4)] == [3, 0, 7, 4]
    totals.forget("a")
    assert totals.more("a", 12) == 12
