"""Cells of the services tree that no other tree has: the strategy across the figures' columns, the latency's line."""

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app.panels.services.services_model import Place, tone_of
from app.panels.services.services_rows import InstanceRow, TreeRow
from app.qt.columns import Role
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.cell_delegate import PAD, CellDelegate, Index
from app.widgets.sparkline import Values, draw_series

if TYPE_CHECKING:
    from app.panels.services.services_tree import ServicesTree

HEADROOM = 1.6
"""The highest value of the minute reaches this part below the upper edge, so that calm does not look like alarm."""


class ServicesDelegate(CellDelegate):
    def __init__(self, tree: "ServicesTree") -> None:
        super().__init__(tree)
        self._flashing = tree.flashing

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """What a service says at p99 reaches to the left as far as the ports: each cell there paints its part of it."""
        if self._is_group(index) and Place.PORT <= index.column() <= Place.P99:
            if self._is_clean(option):
                return
            painter.save()
            painter.setClipRect(option.rect, Qt.ClipOperation.IntersectClip)
            look = index.sibling(index.row(), Place.P99).data(Role.LOOK)
            self._draw_spans(painter, self._across(option.rect), look)
            painter.restore()
        else:
            if index.column() == Place.STATUS and self._flashing:
                self._draw_flash(painter, option, index)
            super().paint(painter, option, index)

    def _draw_flash(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: TreeRow = index.data(Role.ROW)
        status = self._flashing.get(row.key)
        if status is not None:
            tint = cast("Tone", f"{tone_of(status)}_tint")
            painter.fillRect(QRect(option.rect).adjusted(0, 1, 0, -1), theme().color(tint))

    def _across(self, row: QRect) -> QRectF:
        left = self._view.columnViewportPosition(Place.PORT)
        right = self._view.columnViewportPosition(Place.P99) + self._view.columnWidth(Place.P99)
        return QRectF(left + PAD, row.top(), right - left - 2 * PAD, row.height() - 1)

    def _draw_series(self, painter: QPainter, area: QRectF, values: Values, index: Index) -> None:
        row = index.data(Role.ROW)
        frozen = isinstance(row, InstanceRow) and row.status == "frozen"
        tone: Tone = "text_muted" if self._view.is_stale else "frozen" if frozen else "plot_p95"
        painter.fillRect(QRectF(area.left(), area.bottom() - 1, area.width(), 1), theme().color("edge_idle"))
        highest = max((value for value in values if value is not None), default=0.0)
        if highest > 0:
            draw_series(painter, area, values, theme().color(tone), top=highest * HEADROOM)
