"""Recent picks. It stands still while the pointer is over it or a pick is selected: what is read does not move away."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core import figures
from app.core.breaking import BreakSubject
from app.core.focus import Focus
from app.core.language import tr
from app.panels.gateway.picks_model import PickRow, PicksModel
from app.panels.gateway.section_bar import SectionBar
from app.widgets.break_action import BreakAction
from app.widgets.label import Label
from app.widgets.row_view import RowView


class PicksList(QWidget):
    """`request_requested(id)` when a pick is chosen; `released` when it wants what came while it stood still."""

    request_requested = Signal(str)
    break_requested = Signal(object, object)
    released = Signal()

    def __init__(self, model: PicksModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._bar = SectionBar(tr("Recent picks"))
        self.view = RowView(model.columns, name=tr("Recent picks"), dense=True)
        self.view.setObjectName("picks")
        self.view.setHeaderHidden(True)
        self.view.setMinimumHeight(28)
        self.view.least_stretch = 40
        self.view.setModel(model)
        self.view.row_selected.connect(self._on_selected)
        breaking = BreakAction(self.view, lambda row: BreakSubject("instance", row.instance))
        breaking.requested.connect(self.break_requested)
        self._none = Label(tr("Choices of sampled requests appear here."), "small", "text_muted")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(self.view, 1)
        column.addWidget(self._none, 1)
        self.show_count()

    @property
    def is_held(self) -> bool:
        return self.underMouse() or self.view.selected_row() is not None

    def show_count(self) -> None:
        """How many of all picks are told of."""
        tally = self._model.tally
        if self.is_held:
            text = tr("held")
        elif tally.missed:
            seen = figures.count(tally.taken + tally.missed)
            text = tr("kept {n} of {total}", n=figures.count(tally.taken), total=seen)
        else:
            text = tr("why this one")
        self._bar.set_aside(text)
        nothing = self._model.rowCount() == 0
        if self._none.isVisibleTo(self) != nothing:
            self._none.setVisible(nothing)
            self.view.setVisible(not nothing)

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)

    def focus_on(self, focus: Focus | None) -> None:
        self._model.focus_on(focus)
        self.show_count()

    def let_go(self) -> None:
        """Nothing is selected any more."""
        if self.view.selected_row() is not None:
            self.view.selectionModel().clear()
            self.released.emit()

    def _on_selected(self, row: PickRow | None) -> None:
        self.show_count()
        if row is not None:
            self.request_requested.emit(row.request)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.show_count()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.let_go()
        else:
            super().keyPressEvent(event)
