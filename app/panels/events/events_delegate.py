"""The two cells of the event list that no other list has: a type with its mark, and how an event was handled."""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app.panels.events.event_columns import MARKS
from app.panels.events.event_rows import EventRow
from app.panels.events.handled_book import HandledBook
from app.panels.events.type_marks import color_of, draw_type
from app.qt.icons import stamp_icon
from app.qt.theme import theme
from app.widgets.cell_delegate import Index
from app.widgets.long_row_view import LongRowView, RowDelegate

_ICON = 14
_GAP = 6


class TypeDelegate(RowDelegate):
    def __init__(self, view: LongRowView) -> None:
        super().__init__(view)
        self._list = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._list.row_at(index.row())
        if isinstance(row, EventRow):
            color = theme().color("text_muted") if self._list.is_stale else color_of(row.type)
            painter.save()
            draw_type(painter, self._area(option, index), row.type, "body", color)
            painter.restore()


class HandledDelegate(RowDelegate):
    """The figures, and at the right of them the icon of the verdict."""

    def __init__(self, view: LongRowView, book: HandledBook) -> None:
        super().__init__(view)
        self._list, self._book = view, book

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._list.row_at(index.row())
        super().paint(painter, option, index)
        if not isinstance(row, EventRow):
            return
        mark = MARKS.get(self._book.of(row.message_id).verdict)
        if mark is not None:
            icon, tone = mark
            area = self._area(option, index)
            place = QPointF(area.right() + _GAP, area.center().y() - _ICON / 2)
            stamp_icon(
                painter, place, _ICON, icon, theme().color("text_muted" if self._list.is_stale else tone)
            )

    def _area(self, option: QStyleOptionViewItem, index: Index) -> QRectF:
        return super()._area(option, index).adjusted(0, 0, -_ICON - _GAP, 0)
