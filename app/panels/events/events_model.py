"""The rows of the event list, newest first: all that the history holds, or those that pass a filter.

Unfiltered, each number is a row, and what is not here yet is a `MissingRow`: the list is as long as the history. Under a
filter the rows are those that the history found, as far as they were asked for.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.panels.events.event_book import EventBook, Span
from app.panels.events.event_columns import HANDLED_COLUMN, columns
from app.panels.events.event_filter import EventFilter
from app.panels.events.event_rows import EventRow, MissingRow, Row
from app.panels.events.handled_book import HandledBook
from embedded_services.contracts.events import Seen

MOST_FOUND: Final = 20_000
"""Of matches, so many are held. Who needs more of them narrows the filter."""
_ROOT = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


class EventsModel(QAbstractTableModel):
    """`counted` after each change of what is held or shown."""

    counted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.book = EventBook()
        self.handled = HandledBook()
        self.columns = columns(self.handled)
        self.filter = EventFilter()
        self._first, self._last = 1, 0
        self._found: list[EventRow] = []
        self.matches = 0
        """How many events pass the filter."""

    # --- all of them ----------------------------------------------------------------------------------------------

    def take(self, events: Sequence[Seen], *, shown: bool) -> None:
        """Newer events, in order. Unless `shown`, they are held and counted only."""
        self.book.take(events)
        self.follow(shown=shown)

    def fill(self, span: Span, events: Sequence[Seen]) -> None:
        """The history's answer to `span`."""
        self.book.fill(span, events)
        if not self.filter.is_active and self._last:
            top, end = max(0, self._last - span.last), min(self.rowCount() - 1, self._last - span.first)
            if top <= end:
                self.dataChanged.emit(self.index(top, 0), self.index(end, len(self.columns) - 1))
        self.counted.emit()

    def bound(self, first: int, last: int, dropped: int, *, shown: bool) -> None:
        """What the history said of itself."""
        self.book.bound(first, last, dropped)
        self.follow(shown=shown)

    def follow(self, *, shown: bool) -> None:
        """Show all there is now, if `shown`; what the history gave up goes in any case."""
        book = self.book
        if self.filter.is_active:
            self._first, self._last = book.first, book.last
        elif not self._last:
            if book.last and book.total:
                self._reset_to(book.first, book.last)
        else:
            self._move(book.first, book.last if shown else self._last)
        self.counted.emit()

    def _move(self, first: int, last: int) -> None:
        if last - self._last > 0:
            self.beginInsertRows(_ROOT, 0, last - self._last - 1)
            self._last = last
            self.endInsertRows()
        first = min(first, self._last)
        if first > self._first:
            count = self._last - self._first + 1
            self.beginRemoveRows(_ROOT, count - (first - self._first), count - 1)
            self._first = first
            self.endRemoveRows()
        elif first < self._first:
            count = self._last - self._first + 1
            self.beginInsertRows(_ROOT, count, count + self._first - first - 1)
            self._first = first
            self.endInsertRows()

    def _reset_to(self, first: int, last: int) -> None:
        self.beginResetModel()
        self._first, self._last = first, last
        self.endResetModel()

    def restart(self) -> None:
        """The numbering may have started again: nothing of what is held has its number any more."""
        self.beginResetModel()
        self.book.clear()
        self.handled.clear()
        self.filter = EventFilter()
        self._first, self._last = 1, 0
        self._found, self.matches = [], 0
        self.endResetModel()
        self.counted.emit()

    def tell_handled(self, changed: set[str], top: int, end: int) -> None:
        """What services said of these messages changed; `top` to `end` are the rows in sight."""
        for at in range(max(0, top), min(end, self.rowCount() - 1) + 1):
            row = self.row(at)
            if isinstance(row, EventRow) and row.message_id in changed:
                self.dataChanged.emit(self.index(at, HANDLED_COLUMN - 1), self.index(at, HANDLED_COLUMN))

    # --- those that pass a filter ---------------------------------------------------------------------------------

    def show_all(self) -> None:
        """No filter any more."""
        if self.filter.is_active:
            self.beginResetModel()
            self.filter = EventFilter()
            self._found, self.matches = [], 0
            self._first, self._last = self.book.first, self.book.last
            self.endResetModel()
            self.counted.emit()

    def show_found(self, wanted: EventFilter, rows: Sequence[EventRow], matches: int) -> None:
        """The newest that pass `wanted`, newest first, of so many."""
        self.beginResetModel()
        self.filter = wanted
        self._found, self.matches = list(rows[:MOST_FOUND]), matches
        self.endResetModel()
        self.counted.emit()

    def add_older(self, rows: Sequence[EventRow]) -> None:
        rows = rows[: MOST_FOUND - len(self._found)]
        if rows:
            at = len(self._found)
            self.beginInsertRows(_ROOT, at, at + len(rows) - 1)
            self._found.extend(rows)
            self.endInsertRows()
        self.counted.emit()

    def add_newer(self, rows: Sequence[EventRow], matches: int) -> None:
        """`matches` of them came since; `rows` are the newest ones, newest first."""
        self.matches += matches
        spare = len(self._found) + len(rows) - MOST_FOUND
        if spare > 0:
            self.beginRemoveRows(_ROOT, len(self._found) - spare, len(self._found) - 1)
            del self._found[-spare:]
            self.endRemoveRows()
        if rows:
            self.beginInsertRows(_ROOT, 0, len(rows) - 1)
            self._found[0:0] = rows
            self.endInsertRows()
        self.counted.emit()

    @property
    def has_older(self) -> bool:
        """Whether more pass than are held, and there is room for them."""
        return len(self._found) < min(self.matches, MOST_FOUND)

    @property
    def found(self) -> Sequence[EventRow]:
        return self._found

    # --- reading it -----------------------------------------------------------------------------------------------

    @property
    def shown(self) -> int:
        """How many events can be seen by scrolling."""
        if self.filter.is_active:
            return self.matches
        return max(0, self.rowCount() - self.book.lost)

    def row(self, at: int) -> Row:
        if self.filter.is_active:
            return self._found[at]
        seq = self._last - at
        return self.book.get(seq) or MissingRow(seq, self.book.is_lost(seq))

    def numbers(self, top: int, end: int) -> Span | None:
        """The numbers of these rows; None when there are no such."""
        end = min(end, self.rowCount() - 1)
        if self.filter.is_active or end < top:
            return None
        return Span(self._last - end, self._last - top)

    def index_of(self, seq: int) -> QModelIndex:
        """Invalid for one that is not shown."""
        if self.filter.is_active:
            at = bisect_left(self._found, -seq, key=lambda row: -row.seq)
            found = at < len(self._found) and self._found[at].seq == seq
            return self.index(at, 0) if found else QModelIndex()
        return self.index(self._last - seq, 0) if self._first <= seq <= self._last else QModelIndex()

    # --- for Qt ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        if parent.isValid():
            return 0
        return len(self._found) if self.filter.is_active else self._last - self._first + 1

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        return self.columns[index.column()].data(self.row(index.row()), role)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        return self.columns[section].header(role)
