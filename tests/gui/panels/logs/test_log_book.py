"""Every entry is accounted for: here, lost, still to be fetched, or older than what is kept."""

from hypothesis import given
from hypothesis import strategies as st

from app.panels.logs.log_book import MAX_MESSAGE, Account, LogBook, LogFilter, LogRow, Numbers, row_of
from embedded_services.contracts.logs import LogEntry


def row(seq: int, level: str = "INFO", process: str = "user-1", message: str = "", trace: str = "") -> LogRow:
    entry = LogEntry(
        at=float(seq),
        level=level,
        process=process,
        logger="a.b",
        message=message or f"entry {seq}",
        trace=trace,
    )
    return row_of(seq, entry)


def numbers(book: LogBook) -> list[int]:
    return [held.seq for held in book.rows]


def test_entries_that_arrive_in_order_leave_nothing_open() -> None:
    book = LogBook()
    fresh, gone = book.take([row(1), row(2)], 2)
    assert ([held.seq for held in fresh], gone) == ([1, 2], 0)
    assert book.account() == Account(total=2, held=2)
    assert book.wanted(100) is None


def test_what_came_before_is_asked_for_newest_first_and_in_pieces() -> None:
    book = LogBook()
    book.take([row(9), row(10)], 10)
    assert book.account() == Account(10, 2, 0, 8)
    assert book.wanted(5) == Numbers(4, 8)
    book.fill(Numbers(4, 8), [row(seq) for seq in range(8, 3, -1)])
    assert book.wanted(5) == Numbers(1, 3)
    book.fill(Numbers(1, 3), [row(3), row(2), row(1)])
    assert numbers(book) == list(range(1, 11))
    assert book.account() == Account(10, 10)


def test_what_nobody_holds_any_more_is_skipped_and_not_asked_for_again() -> None:
    book = LogBook()
    book.take([row(5)], 5)
    book.fill(Numbers(1, 4), [row(4), row(3)])
    assert book.account() == Account(5, 3, skipped=2)
    assert book.wanted(10) is None


def test_hole_in_the_middle_is_found_and_filled_in_its_place() -> None:
    book = LogBook()
    book.take([row(1), row(2)], 2)
    book.take([row(6)], 6)
    assert book.wanted(10) == Numbers(3, 5)
    assert [held.seq for held in book.fill(Numbers(3, 5), [row(5), row(4), row(3)])] == [5, 4, 3]
    assert numbers(book) == [1, 2, 3, 4, 5, 6]


def test_entries_that_come_twice_are_held_once() -> None:
    book = LogBook()
    book.take([row(1), row(2)], 2)
    book.take([row(1), row(2), row(3)], 3)
    book.fill(Numbers(1, 3), [row(2), row(1)])
    assert numbers(book) == [1, 2, 3]


def test_oldest_go_beyond_the_capacity_and_count_as_older() -> None:
    book = LogBook(3)
    book.take([row(1), row(2), row(3)], 3)
    _, gone = book.take([row(4), row(5)], 5)
    assert gone == 2
    assert numbers(book) == [3, 4, 5]
    assert book.account() == Account(total=5, held=3)
    assert book.account().older == 2


def test_what_is_older_than_the_capacity_is_never_asked_for() -> None:
    book = LogBook(3)
    book.take([row(100)], 100)
    assert book.wanted(1000) == Numbers(98, 99)


def test_new_numbering_begins_with_nothing() -> None:
    book = LogBook()
    book.take([row(5)], 5)
    book.clear()
    assert book.account() == Account()
    book.take([row(1)], 1)
    assert numbers(book) == [1]


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 9), st.sets(st.integers(0, 9))), max_size=12),
    st.sets(st.integers(1, 200)),
)
def test_account_always_adds_up(capacity: int, bursts: list[tuple[int, set[int]]], lost: set[int]) -> None:
    """Whatever arrives late, in part or never; once all is asked for, only what is lost is missing."""
    book, total = LogBook(capacity), 0
    for size, dropped in bursts:
        arrived = [row(total + at) for at in range(1, size + 1) if at not in dropped]
        total += size
        book.take(arrived, total)
        account = book.account()
        assert account.total == total
        assert account.held == len(book.rows) <= capacity
        assert min(account.skipped, account.awaited, account.older) >= 0
    held_before = set(numbers(book))
    while (span := book.wanted(3)) is not None:
        book.fill(span, [row(seq) for seq in range(span.last, span.first - 1, -1) if seq not in lost])
    kept = set(range(max(1, total - capacity + 1), total + 1))
    assert set(numbers(book)) == {seq for seq in kept if seq in held_before or seq not in lost}
    assert numbers(book) == sorted(numbers(book))
    account = book.account()
    assert account.awaited == 0
    assert account.held + account.skipped + account.older == account.total == total


def test_filter_narrows_by_level_process_and_all_words() -> None:
    rows = [
        row(1, "DEBUG"), row(2, "WARNING", message="Slow reply"), row(3, "ERROR", "order-1", "reply lost"),
        row(4, "ERROR", trace="LookupError: prod9"),
    ]  # fmt: skip

    def passing(level: str = "DEBUG", process: str = "", text: str = "") -> list[int]:
        return [held.seq for held in LogFilter(level, process, text).passing(rows)]

    assert passing() == [1, 2, 3, 4]
    assert passing(level="WARNING") == [2, 3, 4]
    assert passing(process="order-1") == [3]
    assert passing(text="REPLY  slow") == [2]
    assert passing(text="lookuperror") == [4]
    assert passing(level="ERROR", process="user-1", text="entry") == [4]
    assert not LogFilter().is_active
    assert LogFilter(text="x").is_active


def test_level_that_is_not_known_counts_as_information() -> None:
    assert LogFilter("INFO").passing([row(1, "NOTICE")])
    assert not LogFilter("WARNING").passing([row(1, "NOTICE")])


def test_very_long_message_is_cut_and_says_so() -> None:
    assert row(1, message="x" * 100_000).message == "x" * MAX_MESSAGE + "…"
