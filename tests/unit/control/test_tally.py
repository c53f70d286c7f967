from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.ring import Ring
from embedded_services.control.tally import Tally


def held(ring: Ring[str]) -> list[tuple[int, str]]:
    return ring.before(None, 100)[::-1]


def test_what_a_process_could_not_keep_uses_up_numbers() -> None:
    ring, tally = Ring[str](10), Tally()
    assert tally.put(ring, 1, ["a", "b"], 5)
    assert held(ring) == [(4, "a"), (5, "b")]
    assert not tally.put(ring, 1, [], 5)
    assert tally.put(ring, 1, [], 7)
    assert ring.last_seq == 7


def test_a_restarted_process_counts_from_zero_and_the_ring_goes_on() -> None:
    ring, tally = Ring[str](10), Tally()
    tally.put(ring, 1, ["a"], 3)
    assert tally.put(ring, 2, ["b"], 1)
    assert held(ring) == [(3, "a"), (4, "b")]


def test_a_word_without_a_count_counts_what_it_brings() -> None:
    ring, tally = Ring[str](10), Tally()
    tally.put(ring, 1, ["a"], 0)
    assert tally.put(ring, 1, ["b"], 2)
    assert held(ring) == [(1, "a"), (2, "b")]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_all_that_there_were_have_numbers(words: list[tuple[int, int]]) -> None:
    """Each word brings some of what happened and lacks some."""
    ring, tally, total = Ring[str](1_000), Tally(), 0
    for told, missing in words:
        total += told + missing
        assert tally.put(ring, 1, ["x"] * told, total) is (told + missing > 0)
        assert ring.last_seq == total
