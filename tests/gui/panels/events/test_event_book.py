"""The book holds a bounded part of the history, knows what is lost, and names what is to be asked for."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.panels.events.event_book import PAGE, EventBook, Span
from app.panels.events.event_rows import KEPT_BODY, row_of
from embedded_services.contracts.events import Seen
from tests.gui.panels.events.conftest import plain


def events(first: int, last: int) -> list[Seen]:
    return [plain(seq) for seq in range(first, last + 1)]


def test_stream_alone_begins_where_it_began() -> None:
    book = EventBook()
    book.take(events(501, 510))
    assert (book.first, book.last, book.total) == (501, 510, 10)
    assert not book.is_bounded


def test_history_says_what_there_is_and_what_of_it_was_lost() -> None:
    book = EventBook()
    book.take(events(501, 510))
    book.bound(101, 510, dropped=107)
    assert (book.first, book.total, book.lost, book.kept) == (101, 410, 7, 403)


def test_newest_page_in_sight_is_wanted_first() -> None:
    book = EventBook()
    book.bound(1, 1000, 0)
    assert book.wanted(Span(550, 720)) == Span(700, 799)
    book.fill(Span(700, 799), events(700, 799))
    assert book.wanted(Span(550, 720)) == Span(600, 699)


def test_page_is_wanted_up_to_the_newest_only() -> None:
    book = EventBook()
    book.bound(1, 730, 0)
    assert book.wanted(Span(710, 720)) == Span(700, 730)


def test_what_the_history_did_not_have_is_lost_and_not_asked_for_again() -> None:
    book = EventBook()
    book.bound(1, 799, 0)
    book.fill(Span(700, 799), [seen for seen in events(700, 799) if seen.seq != 750])
    assert book.is_lost(750)
    assert not book.is_lost(749)
    assert book.wanted(Span(740, 760)) is None


def test_what_the_stream_skipped_is_wanted() -> None:
    book = EventBook()
    book.bound(1, 710, 0)
    book.fill(Span(700, 710), events(700, 710))
    book.take(events(720, 725))
    assert not book.is_lost(715)
    assert book.wanted(Span(712, 725)) == Span(700, 725)


def test_only_the_pages_looked_at_last_are_held() -> None:
    book = EventBook(pages=3)
    book.bound(1, 10_000, 0)
    for number in range(6):
        first = number * PAGE + 1
        book.fill(Span(first, first + 10), events(first, first + 10))
    assert book.get(1) is None
    assert book.get(5 * PAGE + 1) is not None


def test_a_row_is_made_once_and_is_what_the_event_says() -> None:
    book = EventBook()
    book.take(events(1, 3))
    assert book.get(2) == row_of(plain(2))
    assert book.get(2) is book.get(2)


def test_of_a_large_body_nothing_is_held() -> None:
    book = EventBook()
    book.take([msgspec.structs.replace(plain(1), body="x" * (KEPT_BODY + 1))])
    (held,) = book._pages[0].rows.values()
    assert held.body == ""


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=60, unique=True), st.integers(1, 2_000))
def test_asking_for_what_is_wanted_ends(held: list[int], top: int) -> None:
    """Whatever the history has, after as many answers as there are pages nothing is wanted any more."""
    book = EventBook()
    book.bound(1, 2_000, 2_000 - len(held))
    span, there = Span(max(1, top - 250), top), set(held)
    for _ in range(4):
        wanted = book.wanted(span)
        if wanted is None:
            break
        book.fill(wanted, [plain(seq) for seq in range(wanted.first, wanted.last + 1) if seq in there])
    assert book.wanted(span) is None
    assert all(book.is_lost(seq) != (seq in there) for seq in range(span.first, span.last + 1))
