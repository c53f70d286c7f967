"""The list of runs, newest on top, with what narrows it and how many there are."""

from typing import Final

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.run_delegate import ROW_HEIGHT, RunDelegate
from app.panels.sagas.run_filter import RunFilter
from app.panels.sagas.run_rows import RunRow
from app.panels.sagas.runs_bar import RunsBar
from app.panels.sagas.runs_model import RunsModel
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.label import ElidedLabel
from app.widgets.long_row_view import LongRowView
from app.widgets.state_view import StateView
from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import SagaState

_AGE_MS: Final = 500
_AHEAD: Final = 40
_FOOT: Final = 28


def tint(row: RunRow) -> Tone | None:
    return "bad_tint" if row.state is SagaState.COMPENSATION_FAILED else None


class RunList(QWidget):
    """`run_selected(RunRow)`; `menu_requested(RunRow, global place)`; `end_in_sight` when older runs will be wanted soon."""

    run_selected = Signal(object)
    menu_requested = Signal(object, QPoint)
    filter_changed = Signal(object)
    end_in_sight = Signal()

    def __init__(self, model: RunsModel, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._is_loading = False
        self._known = 0
        self._marked = 0
        self._is_telling = True
        self.bar = RunsBar(clock.now)
        self.view = LongRowView(model.columns, name=tr("Runs"), head=True, tint=tint)
        self.view.setObjectName("runs")
        self.view.row_height = ROW_HEIGHT
        self.view.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.view.horizontalHeader().hide()
        self.view.setModel(model)
        self.view.setItemDelegate(RunDelegate(self.view, clock))
        self._none = StateView()
        self._none.setObjectName("noRuns")
        self._body = QStackedWidget()
        self._body.addWidget(self.view)
        self._body.addWidget(self._none)
        self._count = ElidedLabel("", "small", "text_muted")
        self._top = Button(tr("Newest"), kind="link", tooltip=tr("Show the newest"))
        self._build_ui()
        self._age = QTimer(self)
        self._age.setInterval(_AGE_MS)
        self._age.timeout.connect(self._grow_older)
        self._age.start()
        self._connect()
        self._show()

    def _build_ui(self) -> None:
        foot = QFrame()
        foot.setFixedHeight(_FOOT)
        line = QHBoxLayout(foot)
        line.setContentsMargins(16, 0, 12, 0)
        line.addWidget(self._count, 1)
        line.addWidget(self._top)
        self._top.setObjectName("newestRuns")
        self._top.setVisible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self._body, 1)
        column.addWidget(foot)

    def _connect(self) -> None:
        self.bar.filter_changed.connect(self.filter_changed)
        self._model.counted.connect(self._show)
        self.view.row_selected.connect(self._on_selected)
        self.view.row_menu_requested.connect(self.menu_requested)
        self.view.following_changed.connect(lambda following: self._top.setVisible(not following))
        self._top.clicked.connect(lambda: self.view.set_following(True))
        self.view.verticalScrollBar().valueChanged.connect(self._look)
        self.view.verticalScrollBar().rangeChanged.connect(self._look)
        self._none.action_requested.connect(self.clear_filter)

    # --- what it is told ------------------------------------------------------------------------------------------

    def set_stale(self, stale: bool) -> None:
        self.view.set_stale(stale)

    def set_loading(self, loading: bool) -> None:
        """What the filter asks for is on its way, for long enough to be felt."""
        self._is_loading = loading
        self._show()

    def set_known(self, known: int) -> None:
        """How many there are in all, of the state that is chosen."""
        if known != self._known:
            self._known = known
            self._show()

    def clear_filter(self) -> None:
        self.bar.set_filter(RunFilter())

    def mark(self, seq: int) -> None:
        """The run with that number is the one that is looked at: it is selected, if it is held, and brought into sight once."""
        if seq == self._marked and self.view.selected_row() is not None:
            return
        index = self._model.index_of(seq)
        self._marked = seq if index.isValid() else 0
        self._is_telling = False
        try:
            if index.isValid():
                self.view.setCurrentIndex(index)
            else:
                self.view.selectionModel().clear()
        finally:
            self._is_telling = True

    @property
    def sees_end(self) -> bool:
        bar = self.view.verticalScrollBar()
        return bar.maximum() - bar.value() < _AHEAD * ROW_HEIGHT

    @property
    def count(self) -> str:
        return self._count.text()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self.sees_end:
            self.end_in_sight.emit()

    def _on_selected(self, row: RunRow | None) -> None:
        if row is not None and self._is_telling:
            self._marked = row.seq
            self.run_selected.emit(row)

    def _grow_older(self) -> None:
        if self.view.isVisible() and self._model.rowCount():
            self.view.viewport().update()

    def _show(self) -> None:
        self._count.setText(self._count_words())
        if self._model.rowCount():
            self._body.setCurrentWidget(self.view)
            return
        if self._is_loading:
            self._none.show_loading(tr("Searching the runs"))
        elif self.bar.filter.is_active if self._is_filter_valid() else True:
            self._none.show_empty(tr("No run passes the filter"), "", tr("Clear the filter"), "filter")
        else:
            self._none.show_empty(
                tr("No run yet"), tr("Those that you start, and every order, appear here."), "", "sagas"
            )
        self._body.setCurrentWidget(self._none)

    def _is_filter_valid(self) -> bool:
        try:
            _ = self.bar.filter
        except ValueError:
            return False
        return True

    def _count_words(self) -> str:
        held = self._model.rowCount()
        if self._model.is_whole:
            return tr("{n} runs", n=figures.count(held))
        if self._model.is_full:
            return tr("the newest {n}; narrow the time for older ones", n=figures.count(held))
        wanted = self.bar.filter if self._is_filter_valid() else RunFilter()
        if wanted.text or wanted.span or self._known <= held:
            return tr("{n} fetched, more below", n=figures.count(held))
        return tr("{n} of {total} fetched", n=figures.count(held), total=figures.count(self._known))
