"""Sorts and filters a model of rows in front of a view, without touching the model."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
)

from app.qt.columns import Role


class RowFilter(QSortFilterProxyModel):
    """Passes rows of which some cell contains each word of the text, upper and lower case alike, and which `accepts`
    passes too. In a tree a group stays while one of its members does, and its members all stay when it matches.
    Views are told of rows that come and go, so that all others keep what they have: selection, open groups, widgets.
    """

    def __init__(self, model: QAbstractItemModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self._accepts: Callable[[Any], bool] | None = None
        self.setSortRole(Role.SORT)
        self.setAutoAcceptChildRows(True)
        self.setSourceModel(model)

    def set_text(self, text: str) -> None:
        self._change(text.casefold().split(), self._accepts)

    def set_accepts(self, accepts: Callable[[Any], bool] | None) -> None:
        """A condition on the row itself, besides the text; None for none."""
        self._change(self._words, accepts)

    def _change(self, words: list[str], accepts: Callable[[Any], bool] | None) -> None:
        """Looking into groups is left out while everything passes: each changed member would be one changed group."""
        if words or accepts:
            self.setRecursiveFilteringEnabled(True)
        self.beginFilterChange()
        self._words, self._accepts = words, accepts
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)
        if not self.is_active:
            self.setRecursiveFilteringEnabled(False)

    @property
    def is_active(self) -> bool:
        return bool(self._words) or self._accepts is not None

    def filterAcceptsRow(self, row: int, parent: QModelIndex | QPersistentModelIndex) -> bool:
        model = self.sourceModel()
        if self._accepts is not None and not self._accepts(model.index(row, 0, parent).data(Role.ROW)):
            return False
        if not self._words:
            return True
        cells = " ".join(
            str(model.index(row, column, parent).data() or "") for column in range(model.columnCount(parent))
        ).casefold()
        return all(word in cells for word in self._words)
