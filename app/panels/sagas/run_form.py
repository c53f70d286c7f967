"""The form that starts runs: which saga, with what, what is to fail, one or many, at once or step by step."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.sagas.armed_words import prediction, wire
from app.panels.sagas.batch_row import BatchRow
from app.panels.sagas.fault_picker import FaultPicker
from app.panels.sagas.order_data import (
    CUSTOMER,
    ORDER_PROCESSING,
    TEST_ORDER,
    data_of,
    items_of,
    pretty,
    template_of,
)
from app.panels.sagas.order_editor import OrderEditor
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.switch import Switch
from embedded_services.contracts.sagas import DefinedStep, NewSaga, SagaDefinition

_CHECK_MS: Final = 150
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
        self._order = ""
        self._written: dict[str, str] = {}
        self._name = ORDER_PROCESSING
        self._why_not = ""
        self._kinds = QComboBox()
        self._as_json = Button("", kind="link")
        self.order = OrderEditor()
        self._json = QPlainTextEdit()
        self._json_says = Label("", "small", "ok", wrap=True)
        self.faults = FaultPicker()
        self.batch = BatchRow()
        self._run = Button(tr("Run"), kind="primary", large=True)
        self._many = Button(tr("Run many…"), large=True)
        self._steps = Switch(tr("Step by step"))
        self._hint = ElidedLabel("", "small", "text_muted")
        self.notice = Notice("bad")
        self._editors = QStackedWidget()
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._check = QTimer(self)
        self._check.setSingleShot(True)
        self._check.setInterval(_CHECK_MS)
        self._build_ui()
        self._connect()
        self._show_editor()
        self._show_armed()

    def _build_ui(self) -> None:
        for widget, name in (
            (self._kinds, "sagaKind"), (self._as_json, "asJson"), (self._json, "sagaData"), (self._json_says, "dataSays"),
            (self._run, "runSaga"), (self._many, "runMany"), (self._steps, "stepMode"), (self._hint, "prediction"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._kinds.setAccessibleName(tr("Saga"))
        self._kinds.addItem(ORDER_PROCESSING)
        self._json.setFont(theme().font("mono"))
        self._json.setAccessibleName(tr("Data, as JSON"))
        self._json.setTabChangesFocus(True)
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
        text = QWidget()
        column = QVBoxLayout(text)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._json, 1)
        column.addWidget(self._json_says)
        self._json.setMinimumHeight(96)
        self._editors.addWidget(self.order)
        self._editors.addWidget(text)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addWidget(Label(tr("Make a step fail"), "small", "text_secondary"))
        right.addWidget(self.faults, 1)
        self._body.setSpacing(16)
        self._body.addWidget(self._editors, 6)
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
        self._as_json.clicked.connect(self._on_as_json)
        self._check.timeout.connect(self._check_json)
        self._json.textChanged.connect(self._check.start)
        self.faults.changed.connect(self._show_armed)
        self.order.changed.connect(self._show_armed)
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
        self.choose(
            self._name if self._name in self._definitions else next(iter(self._definitions), self._name)
        )

    def fill_test_order(self) -> None:
        """The guide's. What is armed stays armed."""
        self.choose(ORDER_PROCESSING)
        self._editors.setCurrentIndex(0)
        self._show_switch()
        self.order.show_order(CUSTOMER, TEST_ORDER)

    def fill(self, name: str, data: Mapping[str, Any]) -> None:
        """What another run was started with."""
        self.choose(name)
        found = items_of(data) if name == ORDER_PROCESSING else None
        if found is not None:
            self._editors.setCurrentIndex(0)
            self.order.show_order(*found)
        else:
            self._json.setPlainText(pretty(data))
            self._editors.setCurrentIndex(1)
        self._show_switch()

    def offer_order(self, order: str) -> None:
        """The newest order that was completed: what a refund begins with."""
        self._order = order

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
        if self.shows_json and rest:
            self._say_json("; ".join(f"{path} {text}" for path, text in rest.items()))
            rest = {}
        elif not self.shows_json:
            rest = dict(self.order.show_errors(rest))
        if fields and not rest:
            self._hint.setText(tr("Not started: {why}", why=message.text))
            self._hint.set_tone("bad")
        else:
            self.notice.show_message(message)

    def started(self) -> None:
        """What was armed belonged to this run alone."""
        self.notice.clear()
        self.order.clear_errors()
        self.faults.clear()
        self._show_armed()

    def choose(self, name: str) -> None:
        """Another saga: what was written for the one before is kept."""
        if name != self._name:
            self._written[self._name] = self._json.toPlainText()
            self._name = name
            if name != ORDER_PROCESSING:
                self._json.setPlainText(self._written.get(name) or template_of(name, self._order))
        if self._kinds.currentText() != name:
            self._kinds.setCurrentText(name)
        self.faults.show_steps(self.steps)
        self._show_editor()
        self._show_armed()

    @property
    def name(self) -> str:
        return self._name

    @property
    def steps(self) -> Sequence[DefinedStep]:
        known = self._definitions.get(self._name)
        return known.steps if known is not None else ()

    @property
    def shows_json(self) -> bool:
        return self._editors.currentIndex() == 1

    # --- what the user does ---------------------------------------------------------------------------------------

    def run(self) -> None:
        if self._run.isEnabled() and (asked := self._asked()) is not None:
            self.run_requested.emit(asked)

    def _on_batch(self, count: int, rate: float) -> None:
        if not self._why_not and (asked := self._asked()) is not None:
            self.batch_requested.emit(asked, count, rate)

    def _asked(self) -> NewSaga | None:
        self.notice.clear()
        data: dict[str, Any]
        if self.shows_json:
            data, problem = data_of(self._json.toPlainText())
            if problem:
                self._say_json(problem)
                self._json.setFocus()
                return None
        else:
            self.order.clear_errors()
            data = self.order.data
        return NewSaga(
            name=self._name, data=data, step_mode=self._steps.isChecked(), faults=wire(self.faults.faults)
        )

    def _on_as_json(self) -> None:
        if not self.shows_json:
            self._json.setPlainText(pretty(self.order.data))
            self._editors.setCurrentIndex(1)
        else:
            data, problem = data_of(self._json.toPlainText())
            found = None if problem else items_of(data)
            if found is None:
                self._say_json(problem or tr("It has more than the form has fields for."))
                return
            self.order.show_order(*found)
            self._editors.setCurrentIndex(0)
        self._show_switch()

    def _show_editor(self) -> None:
        self._editors.setCurrentIndex(0 if self._name == ORDER_PROCESSING else 1)
        self._show_switch()
        self._check_json()

    def _show_switch(self) -> None:
        self._as_json.setVisible(self._name == ORDER_PROCESSING)
        self._as_json.setText(tr("as form") if self.shows_json else tr("as JSON"))

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

    def _check_json(self) -> None:
        if self.shows_json:
            _, problem = data_of(self._json.toPlainText())
            self._say_json(problem)

    def _say_json(self, problem: str) -> None:
        self._json_says.setText(problem or tr("valid JSON"))
        self._json_says.set_tone("bad" if problem else "ok")
        invalid = "true" if problem else None
        if self._json.property("invalid") != invalid:
            self._json.setProperty("invalid", invalid)
            self._json.style().polish(self._json)
