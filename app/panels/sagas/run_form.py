"""The form that starts runs: which saga, with what, what is to fail, one or many, at once or step by step."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.sagas.armed_words import prediction, wire
from app.panels.sagas.batch_row import BatchRow
from app.panels.sagas.data_editor import DataEditor
from app.panels.sagas.fault_picker import FaultPicker
from app.panels.sagas.order_data import ORDER_PROCESSING
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.switch import Switch
from embedded_services.contracts.sagas import DefinedStep, NewSaga, SagaDefinition

_NARROW: Final = 480


class RunForm(QFrame):
    """`run_requested(NewSaga)`; `batch_requested(NewSaga, count, rate)`; `batch_cancelled`."""

    run_requested = Signal(object)
    batch_requested = Signal(object, int, float)
    batch_cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runForm")
        self._definitions: Mapping[str, SagaDefinition] = {}
        self._why_not = ""
        self._kinds = QComboBox()
        self._as_json = Button("", kind="link")
        self.data = DataEditor()
        self.faults = FaultPicker()
        self.batch = BatchRow()
        self._run = Button(tr("Run"), kind="primary", large=True)
        self._many = Button(tr("Run many…"), large=True)
        self._steps = Switch(tr("Step by step"))
        self._hint = ElidedLabel("", "small", "text_muted")
        self.notice = Notice("bad")
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._build_ui()
        self._connect()
        self._show_switch()
        self._show_armed()

    def _build_ui(self) -> None:
        for widget, name in (
            (self._kinds, "sagaKind"), (self._as_json, "asJson"), (self._run, "runSaga"), (self._many, "runMany"), (self._steps, "stepMode"), (self._hint, "prediction"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._kinds.setAccessibleName(tr("Saga"))
        self._kinds.addItem(ORDER_PROCESSING)
        self._run.setToolTip("Ctrl+R")
        self._steps.setToolTip(tr("It waits before each step until you press Next"))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self._head())
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(20, 2, 16, 6)
        column.setSpacing(8)
        column.addLayout(self._fields())
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        whole.addWidget(scroll, 1)
        whole.addLayout(self._foot())

    def _head(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setContentsMargins(20, 8, 16, 2)
        line.setSpacing(10)
        line.addWidget(Label(tr("Run"), "section"))
        line.addWidget(self._kinds)
        line.addStretch(1)
        line.addWidget(self._as_json)
        return line

    def _fields(self) -> QBoxLayout:
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addWidget(Label(tr("Make a step fail"), "small", "text_secondary"))
        right.addWidget(self.faults, 1)
        self._body.setSpacing(16)
        self._body.addWidget(self.data, 6)
        self._body.addLayout(right, 5)
        return self._body

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no room for both, the steps stand below the order."""
        super().resizeEvent(event)
        is_narrow = event.size().width() < _NARROW
        way = QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight
        if self._body.direction() != way:
            self._body.setDirection(way)
            self._show_armed()

    def _foot(self) -> QVBoxLayout:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self._run)
        buttons.addWidget(self._many)
        buttons.addStretch(1)
        buttons.addWidget(self._steps)
        label = Label(tr("Step by step"), "body", "text_secondary")
        label.setBuddy(self._steps)
        buttons.addWidget(label)
        column = QVBoxLayout()
        column.setContentsMargins(20, 6, 16, 8)
        column.setSpacing(4)
        column.addWidget(self.notice)
        column.addLayout(buttons)
        column.addWidget(self._hint)
        column.addWidget(self.batch)
        return column

    def _connect(self) -> None:
        self._kinds.textActivated.connect(self.choose)
        self._as_json.clicked.connect(self.data.toggle)
        self.data.form_changed.connect(self._show_switch)
        self.data.changed.connect(self._show_armed)
        self.faults.changed.connect(self._show_armed)
        self._run.clicked.connect(self.run)
        self._many.clicked.connect(self.batch.open)
        self._steps.toggled.connect(lambda _: self._show_armed())
        self.batch.start_requested.connect(self._on_batch)
        self.batch.cancel_requested.connect(self.batch_cancelled)

    # --- what it is told ------------------------------------------------------------------------------------------

    def show_definitions(self, definitions: Sequence[SagaDefinition]) -> None:
        """Those that can be started."""
        self._definitions = {each.name: each for each in definitions}
        known = [self._kinds.itemText(at) for at in range(self._kinds.count())]
        if known != list(self._definitions):
            self._kinds.clear()
            self._kinds.addItems(list(self._definitions))
        self.choose(self.name if self.name in self._definitions else next(iter(self._definitions), self.name))

    def choose(self, name: str) -> None:
        """Another saga."""
        self.data.choose(name)
        self._show_kind()

    def fill_test_order(self) -> None:
        """The guide's. What is armed stays armed."""
        self.data.fill_test_order()
        self._show_kind()

    def fill(self, name: str, data: Mapping[str, Any]) -> None:
        """What another run was started with."""
        self.data.fill(name, data)
        self._show_kind()

    def offer_order(self, order: str) -> None:
        """The newest order that was completed: what a refund begins with."""
        self.data.newest_order = order

    def set_absence(self, why: str) -> None:
        """Why nothing can be started now; empty while it can."""
        self._why_not = why
        for button in (self._run, self._many):
            button.setEnabled(not why and not self._run.is_busy)
            button.setToolTip(why)
        if not why:
            self._run.setToolTip("Ctrl+R")

    def set_busy(self, *, busy: bool) -> None:
        self._run.set_busy(busy)
        if not busy:
            self.set_absence(self._why_not)

    def show_refusal(self, message: UserMessage, fields: Mapping[str, str]) -> None:
        """It was not started: what was said of the fields that it named, and as a whole."""
        rest = dict(fields)
        for path in [path for path in rest if path.startswith("faults.")]:
            if self.faults.show_error(path.removeprefix("faults."), rest[path]):
                del rest[path]
        rest = dict(self.data.show_errors(rest))
        if fields and not rest:
            self._hint.setText(tr("Not started: {why}", why=message.text))
            self._hint.set_tone("bad")
        else:
            self.notice.show_message(message)

    def started(self) -> None:
        """What was armed belonged to this run alone."""
        self.notice.clear()
        self.data.clear_errors()
        self.faults.clear()
        self._show_armed()

    @property
    def name(self) -> str:
        return self.data.saga

    @property
    def steps(self) -> Sequence[DefinedStep]:
        known = self._definitions.get(self.name)
        return known.steps if known is not None else ()

    # --- what the user does ---------------------------------------------------------------------------------------

    def run(self) -> None:
        if self._run.isEnabled() and (asked := self._asked()) is not None:
            self.run_requested.emit(asked)

    def _on_batch(self, count: int, rate: float) -> None:
        if not self._why_not and (asked := self._asked()) is not None:
            self.batch_requested.emit(asked, count, rate)

    def _asked(self) -> NewSaga | None:
        self.notice.clear()
        data = self.data.take()
        if data is None:
            return None
        return NewSaga(
            name=self.name, data=data, step_mode=self._steps.isChecked(), faults=wire(self.faults.faults)
        )

    # --- inside ---------------------------------------------------------------------------------------------------

    def _show_kind(self) -> None:
        if self._kinds.currentText() != self.name:
            self._kinds.setCurrentText(self.name)
        self.faults.show_steps(self.steps)
        self._show_switch()
        self._show_armed()

    def _show_switch(self) -> None:
        self._as_json.setVisible(self.data.has_form)
        self._as_json.setText(tr("as form") if self.data.is_json else tr("as JSON"))

    def _show_armed(self) -> None:
        faults = self.faults.faults
        count = len(faults)
        words = {0: tr("Run"), 1: tr("Run with 1 fault armed")}
        if self._body.direction() == QBoxLayout.Direction.TopToBottom:
            words[count or -1] = tr("Run, {n} armed", n=count)
        self._run.setText(words.get(count) or tr("Run with {n} faults armed", n=count))
        self._hint.set_tone("text_muted")
        self._run.setMinimumWidth(self._run.sizeHint().width())
        said = prediction(faults, self.steps)
        if self._steps.isChecked():
            said = tr("{what} It waits before each step for Next.", what=said)
        self._hint.setText(said)
