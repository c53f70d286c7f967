from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.ring import Ring, Window

capacities = st.integers(1, 8)
steps = st.lists(st.one_of(st.just("append"), st.integers(0, 5)), max_size=30)
"""An entry, or so many numbers that are passed over."""


def filled(capacity: int, happened: list[str | int]) -> tuple[Ring[str], dict[int, str]]:
    """A ring, and every entry it was ever given, by its number."""
    ring: Ring[str] = Ring(capacity)
    given_numbers: dict[int, str] = {}
    for one in happened:
        if isinstance(one, int):
            ring.pass_over(one)
        else:
            expected = ring.next_seq
            number = ring.append(f"entry {expected}")
            assert number == expected == ring.last_seq
            given_numbers[number] = f"entry {number}"
    return ring, given_numbers


def held(capacity: int, entries: dict[int, str]) -> list[tuple[int, str]]:
    return sorted(entries.items())[-capacity:]


def test_numbers_start_at_one_and_are_never_used_again() -> None:
    ring: Ring[str] = Ring(2)
    assert (ring.last_seq, ring.next_seq) == (0, 1)
    assert [ring.append("x") for _ in range(5)] == [1, 2, 3, 4, 5]
    ring.pass_over(10)
    assert ring.append("x") == 16


@given(capacities, steps, st.integers(0, 60), st.integers(0, 10))
def test_window_tells_exactly_what_came_and_what_is_missing(
    capacity: int, happened: list[str | int], seq: int, limit: int
) -> None:
    ring, entries = filled(capacity, happened)
    window = ring.newest_after(seq, limit)
    newer = [text for number, text in held(capacity, entries) if number > seq]
    assert window.items == (newer[-limit:] if limit else [])
    assert (window.from_seq, window.to_seq) == (seq + 1, ring.last_seq)
    assert window.skipped == max(0, ring.last_seq - seq) - len(window.items)


@given(capacities, st.lists(st.tuples(steps, st.integers(1, 6)), max_size=6))
def test_reader_accounts_for_every_number_however_slowly_it_reads(
    capacity: int, rounds: list[tuple[list[str | int], int]]
) -> None:
    """What it was given and what it was told it missed add up to all there ever was, in order."""
    ring: Ring[int] = Ring(capacity)
    seq, got, missed = 0, list[int](), 0
    for happened, limit in rounds:
        for one in happened:
            if isinstance(one, int):
                ring.pass_over(one)
            else:
                ring.append(ring.next_seq)
        window = ring.newest_after(seq, limit)
        assert all(window.from_seq <= number <= window.to_seq for number in window.items)
        got += window.items
        missed += window.skipped
        seq = window.to_seq
    assert len(got) + missed == ring.last_seq
    assert got == sorted(set(got))


def test_reader_that_is_up_to_date_gets_nothing() -> None:
    ring: Ring[str] = Ring(3)
    ring.append("a")
    assert ring.newest_after(1, 10) == Window(2, 1, [], 0)


@given(capacities, steps, st.none() | st.integers(0, 60), st.integers(0, 10), st.booleans())
def test_before_goes_back_from_the_newest(
    capacity: int, happened: list[str | int], seq: int | None, limit: int, only_even: bool
) -> None:
    ring, entries = filled(capacity, happened)

    def wanted(text: str) -> bool:
        return not only_even or int(text.removeprefix("entry ")) % 2 == 0

    expected = [
        (number, text)
        for number, text in reversed(held(capacity, entries))
        if (seq is None or number < seq) and wanted(text)
    ]
    assert ring.before(seq, limit, wanted) == expected[:limit]


def test_fewer_than_no_numbers_cannot_be_passed_over() -> None:
    ring: Ring[str] = Ring(3)
    ring.append("a")
    ring.pass_over(-5)
    assert ring.next_seq == 2
