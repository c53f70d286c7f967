"""The runs that are held, newest first: pages from the orchestrator, and above and among them what moved since.

Rows are known by their number, which only grows, so that each has its place. What is held is without gaps from the newest
down to the last that was fetched; older ones are fetched when they come into sight.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.core import figures
from app.core.language import tr
from app.panels.sagas.run_rows import RunRow
from app.panels.sagas.words import short_id
from app.qt.columns import Column

MOST_HELD: Final = 20_000
"""Who needs older ones narrows the time."""
_ROOT = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


class RunsModel(QAbstractTableModel):
    """`counted` after each change of what is held."""

    counted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[Column[RunRow], ...] = (
            Column(tr("Run"), _read_out, tooltip=_tooltip, stretch=True),
        )
        self._rows: list[RunRow] = []
        self.is_whole = True
        """Whether there are no older ones than those that are held."""

    # --- changing it ----------------------------------------------------------------------------------------------

    def show(self, rows: Sequence[RunRow], *, is_whole: bool) -> bool:
        """These are the newest, newest first. Gives whether what is older stayed, because they join on to it."""
        joins = bool(self._rows and rows and self._rows[0].seq >= rows[-1].seq >= self._rows[-1].seq)
        if joins:
            kept = {row.seq for row in rows}
            first = rows[-1].seq
            self.drop([row.seq for row in self._rows if row.seq >= first and row.seq not in kept])
            self.put(rows)
        else:
            self.beginResetModel()
            self._rows = list(rows)
            self.is_whole = is_whole
            self.endResetModel()
        self.counted.emit()
        return joins

    def clear(self) -> None:
        self.beginResetModel()
        self._rows = []
        self.is_whole = True
        self.endResetModel()
        self.counted.emit()

    def add_older(self, rows: Sequence[RunRow], *, is_whole: bool) -> None:
        """The next page, newest first."""
        last = self._rows[-1].seq if self._rows else None
        fresh = [row for row in rows if last is None or row.seq < last]
        if fresh:
            at = len(self._rows)
            self.beginInsertRows(_ROOT, at, at + len(fresh) - 1)
            self._rows.extend(fresh)
            self.endInsertRows()
        self.is_whole = is_whole
        self.counted.emit()

    def put(self, rows: Iterable[RunRow]) -> None:
        """What moved: known rows change, others come to where they belong, but none below what is held."""
        changed: list[int] = []
        fresh: list[RunRow] = []
        for row in rows:
            at = self._place(row.seq)
            if at < len(self._rows) and self._rows[at].seq == row.seq:
                if self._rows[at].updated_at <= row.updated_at and self._rows[at] != row:
                    self._rows[at] = row
                    changed.append(at)
            elif at < len(self._rows) or self.is_whole:
                fresh.append(row)
        for first, last in _runs(sorted(changed)):
            self.dataChanged.emit(self.index(first, 0), self.index(last, 0))
        self._insert(sorted(fresh, key=lambda row: -row.seq))
        self._bound()
        self.counted.emit()

    def drop(self, seqs: Collection[int]) -> None:
        """These do not belong here any more."""
        places = []
        for seq in seqs:
            at = self._place(seq)
            if at < len(self._rows) and self._rows[at].seq == seq:
                places.append(at)
        for first, last in reversed(_runs(sorted(places))):
            self.beginRemoveRows(_ROOT, first, last)
            del self._rows[first : last + 1]
            self.endRemoveRows()
        if places:
            self.counted.emit()

    def drop_before(self, since: float) -> None:
        """Those that started earlier are too old by now."""
        old = []
        for row in reversed(self._rows):
            if row.started_at >= since:
                break
            old.append(row.seq)
        self.drop(old)

    def _insert(self, rows: Sequence[RunRow]) -> None:
        """New rows, newest first: those that come to stand together are one insertion."""
        at = 0
        while at < len(rows):
            place = self._place(rows[at].seq)
            end = at + 1
            while end < len(rows) and self._place(rows[end].seq) == place:
                end += 1
            self.beginInsertRows(_ROOT, place, place + end - at - 1)
            self._rows[place:place] = rows[at:end]
            self.endInsertRows()
            at = end

    def _bound(self) -> None:
        spare = len(self._rows) - MOST_HELD
        if spare > 0:
            self.beginRemoveRows(_ROOT, len(self._rows) - spare, len(self._rows) - 1)
            del self._rows[-spare:]
            self.is_whole = False
            self.endRemoveRows()

    def _place(self, seq: int) -> int:
        return bisect_left(self._rows, -seq, key=lambda row: -row.seq)

    # --- reading it -----------------------------------------------------------------------------------------------

    @property
    def held(self) -> Sequence[RunRow]:
        return self._rows

    @property
    def newest(self) -> int:
        """The highest number that is held, 0 for none."""
        return self._rows[0].seq if self._rows else 0

    @property
    def is_full(self) -> bool:
        """Whether no more are fetched: the filter is to be narrowed."""
        return len(self._rows) >= MOST_HELD

    def find(self, saga: str) -> RunRow | None:
        return next((row for row in self._rows if row.id == saga), None)

    def index_of(self, seq: int) -> QModelIndex:
        """Invalid for one that is not held."""
        at = self._place(seq)
        found = at < len(self._rows) and self._rows[at].seq == seq
        return self.index(at, 0) if found else QModelIndex()

    # --- for Qt ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        return self.columns[0].data(self._rows[index.row()], role)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or section != 0:
            return None
        return self.columns[0].header(role)


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring places as their first and last."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def _read_out(row: RunRow) -> str:
    """For those who cannot see it."""
    return ", ".join(part for part in (short_id(row.id), row.name, row.said.word, row.step) if part)


def _tooltip(row: RunRow) -> str:
    lines = [row.id, f"{row.name} · {row.said.word}", tr("started {at}", at=figures.moment(row.started_at))]
    if row.step:
        served = f"{row.step} · {row.instance}" if row.instance else row.step
        lines.append(served)
    if row.failure:
        lines.append(row.failure)
    return "\n".join(lines)
