"""Paints a run in two lines: id, what it is of and how long it took; its state, the step that matters, and when it began."""

from typing import Final

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app.core import figures
from app.core.language import tr
from app.panels.sagas.ink import put
from app.panels.sagas.run_rows import RunRow
from app.panels.sagas.words import short_id, took
from app.qt.columns import Role
from app.qt.tokens import Face, Tone
from app.widgets.cell_delegate import Index
from app.widgets.long_row_view import LongRowView, RowDelegate
from app.widgets.shapes import draw_status
from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import SagaState

ROW_HEIGHT: Final = 44
_PAD: Final = 16
_LAMP: Final = 12
_TEXT: Final = _PAD + _LAMP + 8
_LINE: Final = 18


class RunDelegate(RowDelegate):
    def __init__(self, view: LongRowView, clock: Clock) -> None:
        super().__init__(view)
        self._list, self._clock = view, clock

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.data(Role.ROW)
        if not isinstance(row, RunRow):
            return
        painter.save()
        now, said, area = self._clock.now(), row.said, QRectF(option.rect)
        lamp = QRectF(area.left() + _PAD, area.top() + 7, _LAMP, _LAMP)
        draw_status(painter, lamp, "unknown" if self._list.is_stale and row.is_open else said.mark)
        first = QRectF(area.left() + _TEXT, area.top() + 4, area.width() - _TEXT - 12, _LINE)
        second = first.translated(0, _LINE)
        is_stuck = row.state is SagaState.COMPENSATION_FAILED
        figure = tr("stuck") if is_stuck else took(row.lasted(now))
        left = self._put(painter, first, figure, "small", "text", right=True)
        first.setRight(first.right() - left - 8)
        wide = self._put(painter, first, short_id(row.id), "mono", "text")
        first.setLeft(first.left() + wide + 8)
        self._put(painter, first, row.name, "small", "text_muted")
        left = self._put(
            painter, second, figures.ago(now - row.started_at), "small", "text_muted", right=True
        )
        second.setRight(second.right() - left - 8)
        tone: Tone = said.tone if row.is_open else "text_secondary"
        wide = self._put(painter, second, said.word, "small", tone)
        second.setLeft(second.left() + wide)
        self._put(painter, second, _where(row), "small", "text_muted")
        painter.restore()

    def _put(
        self, painter: QPainter, area: QRectF, text: str, face: Face, tone: Tone, *, right: bool = False
    ) -> float:
        """Draws it and gives how wide it is."""
        return put(painter, area, text, face, "text_muted" if self._list.is_stale else tone, right=right)


def _where(row: RunRow) -> str:
    """` · process-payment · payment-1`: the step that matters and who serves it."""
    if not row.step:
        return ""
    parts = [row.step, row.instance] if row.is_open and row.instance else [row.step]
    return "".join(f" · {part}" for part in parts)
