"""The breakers, those that are not closed first. Their shape is the switch itself."""

from typing import Final

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.breaking import BreakSubject
from app.core.focus import Focus
from app.core.language import tr
from app.panels.gateway.breakers_model import BreakerRow, BreakersModel, icon_of, summary
from app.panels.gateway.section_bar import SectionBar
from app.panels.gateway.words import breaker_tone
from app.qt.columns import Look
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.break_action import BreakAction
from app.widgets.cell_delegate import LAMP_GAP, CellDelegate
from app.widgets.row_view import RowView

_SIDE: Final = 16


class BreakersList(QWidget):
    """`instance_requested(id)` when one is activated."""

    instance_requested = Signal(str)
    break_requested = Signal(object, object)

    def __init__(self, model: BreakersModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._bar = SectionBar(tr("Breakers"))
        self.view = RowView(model.columns, name=tr("Breakers"), dense=True)
        self.view.setObjectName("breakers")
        self.view.setHeaderHidden(True)
        self.view.setMinimumHeight(28)
        self.view.least_stretch = 40
        self.view.setItemDelegate(_BreakerDelegate(self.view))
        self.view.setModel(model)
        self.view.activated.connect(lambda index: self._on_activated(model.row_at(index)))
        breaking = BreakAction(self.view, lambda row: BreakSubject("instance", row.instance))
        breaking.requested.connect(self.break_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(self.view, 1)

    def focus_on(self, focus: Focus | None) -> None:
        self._model.focus_on(focus)

    def show_summary(self, rows: list[BreakerRow]) -> None:
        self._bar.set_aside(summary(rows))

    @property
    def summary(self) -> str:
        return self._bar.aside

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)

    def _on_activated(self, row: BreakerRow) -> None:
        self.instance_requested.emit(row.instance)


class _BreakerDelegate(CellDelegate):
    @property
    def _lamp_side(self) -> int:
        return _SIDE

    def _draw_mark(self, painter: QPainter, area: QRectF, look: Look) -> QRectF:
        state = look.mark or ""
        place = QRectF(area.left(), area.center().y() - _SIDE / 2, _SIDE, _SIDE)
        tone: Tone = "ok" if state == "closed" else breaker_tone(state)
        draw_icon(painter, place, icon_of(state), theme().color("unknown" if self._view.is_stale else tone))
        return area.adjusted(_SIDE + LAMP_GAP, 0, 0, 0)
