"""The model covers the whole history with one row a number, or shows what passes a filter."""

from collections.abc import Callable

import msgspec
from PySide6.QtCore import QAbstractItemModel
from PySide6.QtTest import QSignalSpy

from app.panels.events.event_book import Span
from app.panels.events.event_filter import EventFilter
from app.panels.events.event_rows import EventRow, MissingRow, row_of
from app.panels.events.events_model import MOST_FOUND, EventsModel
from embedded_services.contracts.events import Seen
from tests.gui.panels.events.conftest import plain

Check = Callable[[QAbstractItemModel], None]
ORDERS = EventFilter(type="order.*")


def events(first: int, last: int) -> list[Seen]:
    return [plain(seq) for seq in range(first, last + 1)]


def newest_first(*numbers: int) -> list[EventRow]:
    return [row_of(plain(seq)) for seq in numbers]


def test_new_events_are_inserted_on_top(check_model: Check) -> None:
    model = EventsModel()
    check_model(model)
    model.take(events(1, 3), shown=True)
    inserted, reset = QSignalSpy(model.rowsInserted), QSignalSpy(model.modelReset)
    model.take(events(4, 5), shown=True)
    assert [model.row(at).seq for at in range(5)] == [5, 4, 3, 2, 1]
    assert (inserted.count(), reset.count()) == (1, 0)
    assert list(inserted.at(0))[1:] == [0, 1]


def test_paused_list_stands_still_and_counts_on(check_model: Check) -> None:
    model = EventsModel()
    check_model(model)
    model.take(events(1, 3), shown=True)
    model.take(events(4, 9), shown=False)
    assert (model.rowCount(), model.book.total) == (3, 9)
    model.follow(shown=True)
    assert model.rowCount() == 9


def test_history_adds_rows_below_that_are_not_here_yet(check_model: Check) -> None:
    model = EventsModel()
    check_model(model)
    model.take(events(501, 503), shown=True)
    model.bound(401, 503, dropped=400, shown=True)
    assert model.rowCount() == 103
    assert model.row(102) == MissingRow(401, is_lost=False)
    changed = QSignalSpy(model.dataChanged)
    model.fill(Span(401, 499), [row for row in events(401, 499) if row.seq != 450])
    assert model.row(102).seq == 401
    assert model.row(503 - 450) == MissingRow(450, is_lost=True)
    assert changed.count() == 1


def test_what_the_history_gave_up_goes_at_the_end(check_model: Check) -> None:
    model = EventsModel()
    check_model(model)
    model.take(events(1, 10), shown=True)
    model.bound(6, 10, dropped=5, shown=False)
    assert [model.row(at).seq for at in range(model.rowCount())] == [10, 9, 8, 7, 6]


def test_lost_events_do_not_count_as_shown() -> None:
    model = EventsModel()
    model.take(events(1, 10), shown=True)
    model.bound(1, 10, dropped=4, shown=True)
    assert (model.shown, model.book.total) == (6, 10)


def test_filter_shows_what_was_found_and_all_comes_back(check_model: Check) -> None:
    model = EventsModel()
    check_model(model)
    model.take(events(1, 10), shown=True)
    model.show_found(ORDERS, newest_first(9, 7), 5)
    assert (model.rowCount(), model.shown, model.has_older) == (2, 5, True)
    model.add_older(newest_first(5, 3, 1))
    assert not model.has_older
    model.take(events(11, 12), shown=True)
    assert model.rowCount() == 5
    model.add_newer(newest_first(12, 11), 2)
    assert [row.seq for row in model.found] == [12, 11, 9, 7, 5, 3, 1]
    assert model.index_of(7).row() == 3
    assert not model.index_of(8).isValid()
    model.show_all()
    assert model.rowCount() == 12
    assert model.index_of(8).row() == 4


def test_matches_held_are_bounded(check_model: Check) -> None:
    model = EventsModel()
    row = row_of(plain(1))
    model.show_found(ORDERS, [row] * MOST_FOUND, 1_000_000)
    model.add_newer([row] * 10, 10)
    assert model.rowCount() == MOST_FOUND
    assert (model.shown, model.has_older) == (1_000_010, False)


def test_new_numbering_starts_empty(check_model: Check) -> None:
    model = EventsModel()
    check_model(model)
    model.take(events(1, 10), shown=True)
    model.restart()
    assert model.rowCount() == 0
    model.take(events(1, 2), shown=True)
    assert model.rowCount() == 2


def test_large_bodies_are_not_held() -> None:
    body = '{"data":{"id":"ord_1","note":"' + "x" * 5_000 + '"}}'
    seen = msgspec.structs.replace(plain(1), body=body)
    row = row_of(seen)
    assert row.body == ""
    assert row.what == "ord_1"
