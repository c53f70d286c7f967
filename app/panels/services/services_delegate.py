"""Cells of the services tree that no other tree has: the strategy across the figures' columns, the latency's line."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app.panels.services.services_model import Place
from app.panels.services.services_rows import InstanceRow
from app.qt.columns import Role
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.cell_delegate import PAD, CellDelegate, Index
from app.widgets.sparkline import Values, draw_series

HEADROOM = 1.6
"""The highest value of the minute reaches this part below the upper edge, so that calm does not look like alarm."""


class ServicesDelegate(CellDelegate):
    def _area(self, option: QStyleOptionViewItem, index: Index) -> QRectF:
        """What a service says at p99 may reach to the left as far as the status, whose cells are empty there."""
        area = super()._area(option, index)
        if index.column() == Place.P99 and self._is_group(index):
            area.setLeft(self._view.columnViewportPosition(Place.PORT) + PAD)
        return area

    def _draw_series(self, painter: QPainter, area: QRectF, values: Values, index: Index) -> None:
        row = index.data(Role.ROW)
        frozen = isinstance(row, InstanceRow) and row.status == "frozen"
        tone: Tone = "text_muted" if self._view.is_stale else "frozen" if frozen else "plot_p95"
        painter.fillRect(QRectF(area.left(), area.bottom() - 1, area.width(), 1), theme().color("edge_idle"))
        highest = max((value for value in values if value is not None), default=0.0)
        if highest > 0:
            draw_series(painter, area, values, theme().color(tone), top=highest * HEADROOM)
