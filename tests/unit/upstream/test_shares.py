import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.upstream.shares import SPAN_S, Share, Shares, fairness

HALVES = {"a": 0.5, "b": 0.5}


def counted(*notes: tuple[float, dict[str, int], dict[str, float] | None]) -> Shares:
    shares = Shares()
    shares.note(0.0, {"a": 0, "b": 0}, HALVES)
    for now, picks, expected in notes:
        shares.note(now, picks, expected)
    return shares


def test_shares_are_of_the_picks_of_the_last_ten_seconds() -> None:
    shares = counted((1.0, {"a": 75, "b": 25}, HALVES))
    assert shares.read(1.0, "ab", HALVES) == {"a": Share(75, 0.75, 0.5), "b": Share(25, 0.25, 0.5)}
    assert shares.read(10.9, "ab", HALVES)["a"].share == 0.75
    assert shares.read(11.1, "ab", HALVES)["a"] == Share(0.0, None, 0.5)


def test_a_pick_is_held_against_what_was_expected_when_it_was_made() -> None:
    shares = counted((1.0, {"a": 10, "b": 10}, HALVES), (2.0, {"a": 30, "b": 10}, {"a": 1.0}))
    read = shares.read(2.0, "ab", {"a": 1.0})
    assert read["a"].share == read["a"].expected == 0.75
    assert read["b"].share == read["b"].expected == 0.25
    assert fairness(read.values()) == pytest.approx(1.0)


def test_nothing_is_expected_of_a_hash() -> None:
    shares = counted((1.0, {"a": 3, "b": 1}, None))
    read = shares.read(1.0, "ab", None)
    assert read["a"] == Share(3, 0.75, None)
    assert fairness(read.values()) is None


def test_an_instance_that_comes_back_does_not_get_all_it_ever_got_at_once() -> None:
    shares = counted((1.0, {"a": 10}, {"a": 1.0}), (2.0, {"a": 10, "b": 500}, HALVES))
    assert shares.read(2.0, "ab", HALVES)["b"].rate == 0
    shares.note(3.0, {"a": 10, "b": 501}, HALVES)
    assert shares.read(3.0, "ab", HALVES)["b"].rate > 0


def test_another_strategy_begins_anew() -> None:
    shares = counted((1.0, {"a": 10, "b": 0}, HALVES))
    shares.restart()
    assert shares.read(1.0, "ab", HALVES)["a"].share is None
    shares.note(2.0, {"a": 10, "b": 5}, HALVES)
    assert shares.read(2.0, "ab", HALVES)["b"].share == 1.0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 50), st.integers(0, 50)), min_size=1))
def test_shares_sum_up_to_one_and_so_does_what_is_expected(steps: list[tuple[float, int, int]]) -> None:
    shares, now, picks = counted(), 0.0, {"a": 0, "b": 0}
    for later, a, b in steps:
        now += later
        picks = {"a": picks["a"] + a, "b": picks["b"] + b}
        shares.note(now, picks, HALVES)
        read = shares.read(now, "ab", HALVES)
        if read["a"].share is not None and read["b"].share is not None:
            assert read["a"].share + read["b"].share == pytest.approx(1.0)
            assert read["a"].expected == pytest.approx(0.5)
            assert len(shares._samples) <= 4 * SPAN_S + 1


def test_jains_index() -> None:
    assert fairness([Share(1, 0.5, 0.5), Share(1, 0.5, 0.5)]) == 1.0
    assert fairness([Share(1, 1.0, 0.25), *[Share(0, 0.0, 0.25)] * 3]) == 0.25
    assert fairness([Share(0, None, 0.5)]) is None
