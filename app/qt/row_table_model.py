"""A table of frozen rows, each known by its key: `apply(rows)` tells views the smallest change.

Selection, scroll position and open editors therefore survive every update. A model holds rows and nothing else: no
client, no colour, no clock. Sorting and filtering are done by `RowFilter` in front of it.

    class RequestsModel(RowTableModel[RequestRow]):
        def __init__(self, parent: QObject | None = None) -> None:
            super().__init__(COLUMNS, key=lambda row: row.id, parent=parent)
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.qt.columns import Column, Row
from app.qt.row_update import changed_columns, tell_cells, update_rows

_ROOT = QModelIndex()


class RowTableModel(QAbstractTableModel, Generic[Row]):
    """Rows compare with `!=`; a row that compares equal is not repainted."""

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._key = key
        self._rows: list[Row] = []

    # --- changing it ----------------------------------------------------------------------------------------------

    def apply(self, rows: Sequence[Row]) -> None:
        """These are the rows now, in this order. Raises ValueError when two have the same key."""
        changed = update_rows(self, _ROOT, self._rows, rows, self._key, lambda a, b: a is not b and a != b)
        cells = {place: changed_columns(self.columns, self._rows[place], row) for place, row in changed}
        for place, row in changed:
            self._rows[place] = row
        tell_cells(self, _ROOT, cells)

    def append(self, rows: Sequence[Row], *, limit: int | None = None) -> None:
        """Add rows at the end, whose keys must be new, and drop the oldest beyond `limit`: for tails of logs and the
        like, where comparing all rows each time would cost too much.
        """
        if limit is not None:
            rows = rows[-limit:]
            self.drop_first(len(self._rows) + len(rows) - limit)
        if rows:
            self.beginInsertRows(_ROOT, len(self._rows), len(self._rows) + len(rows) - 1)
            self._rows.extend(rows)
            self.endInsertRows()

    def drop_first(self, count: int) -> None:
        if count > 0 and self._rows:
            count = min(count, len(self._rows))
            self.beginRemoveRows(_ROOT, 0, count - 1)
            del self._rows[:count]
            self.endRemoveRows()

    # --- reading it -----------------------------------------------------------------------------------------------

    def rows(self) -> Sequence[Row]:
        return self._rows

    def row_at(self, index: QModelIndex) -> Row:
        """The row of a valid index of *this* model; through a filter use `index.data(Role.ROW)`."""
        return self._rows[index.row()]

    def index_of(self, key: Hashable) -> QModelIndex:
        """The first cell of the row with that key; an invalid index when there is none."""
        for place, row in enumerate(self._rows):
            if self._key(row) == key:
                return self.index(place, 0)
        return QModelIndex()

    # --- for Qt ---------------------------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if not index.isValid():
            return None
        return self.columns[index.column()].data(self._rows[index.row()], role)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        return self.columns[section].header(role)
