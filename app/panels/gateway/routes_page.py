"""The Routes page: a table that sorts by any column."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.breaking import BreakSubject
from app.core.language import tr
from app.panels.gateway.routes_model import RouteRow, RoutesModel
from app.qt.row_filter import RowFilter
from app.widgets.break_action import BreakAction
from app.widgets.row_view import RowView


class RoutesPage(QWidget):
    """`break_requested(BreakSubject, QRect)` for the calls of a route."""

    break_requested = Signal(object, object)

    def __init__(self, model: RoutesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sorted = RowFilter(model, self)
        self.view = RowView(model.columns, name=tr("Routes of the gateway"))
        self.view.setObjectName("routes")
        self.view.setModel(self._sorted)
        self.view.header().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.header().setSortIndicatorClearable(True)
        self.view.setSortingEnabled(True)
        self.setFocusProxy(self.view)
        BreakAction(self.view, _subject).requested.connect(self.break_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)


def _subject(row: RouteRow) -> BreakSubject | None:
    """What the gateway answers itself calls nobody."""
    return BreakSubject("route", row.prefix) if row.service else None
