"""Cells of the clients' table that no other table has: the gauge, and the icon that resets a row."""

from typing import Final

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app.panels.limits.gauge import draw_gauge
from app.panels.limits.limits_model import Place
from app.qt.columns import Look, Role
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.cell_delegate import CellDelegate, Index
from app.widgets.row_view import RowView

WORD: Final = 104
"""Room for what the gauge says, right of it."""
_BAR: Final = 12
_ICON: Final = 16


class LimitsDelegate(CellDelegate):
    def __init__(self, view: RowView) -> None:
        super().__init__(view)
        self._rows = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if index.column() == Place.ACTION and not self._is_clean(option):
            self._draw_reset(painter, option, index)
        elif index.column() == Place.USED and not self._is_clean(option):
            self._draw_used(painter, option, index)
        else:
            super().paint(painter, option, index)

    def _draw_used(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area = self._area(option, index)
        look: Look = index.data(Role.LOOK)
        bar = QRectF(area.left(), area.center().y() - _BAR / 2, max(24.0, area.width() - WORD), _BAR)
        draw_gauge(painter, bar, index.data(Role.ROW), stale=self._view.is_stale)
        painter.save()
        self._draw_spans(
            painter, QRectF(bar.right(), area.top(), area.right() - bar.right(), area.height()), look
        )
        painter.restore()

    def _draw_reset(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        hovered = self._rows.hovered_index
        is_near = hovered.isValid() and hovered == index.sibling(index.row(), 0)
        tone: Tone = "text_disabled" if self._view.is_stale else "text" if is_near else "text_muted"
        center = QRectF(option.rect).center()
        place = QRectF(center.x() - _ICON / 2, center.y() - _ICON / 2, _ICON, _ICON)
        draw_icon(painter, place, "restart", theme().color(tone))
