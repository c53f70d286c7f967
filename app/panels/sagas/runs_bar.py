"""What narrows the list of runs besides their state: a text, and when they were started."""

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.sagas.run_filter import ANY, BETWEEN, RunFilter, moment_of, span_words
from app.qt.theme import theme
from app.widgets.filter_field import FilterField
from app.widgets.label import Label
from embedded_services.contracts.sagas import SagaState

_PAUSE_MS: Final = 400


class RunsBar(QFrame):
    """`filter_changed(RunFilter)` once the typing pauses. The state is chosen elsewhere and told by `set_state`."""

    filter_changed = Signal(object)

    def __init__(self, now: Callable[[], float], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self._now = now
        self._state: SagaState | None = None
        self._told = RunFilter()
        self.field = FilterField(tr("Filter"), 110)
        self._spans = QComboBox()
        self._since, self._until = QLineEdit(), QLineEdit()
        self._says = Label("", "small", "bad", wrap=True)
        self._between = QWidget()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self._build_ui()

    def _build_ui(self) -> None:
        for widget, name in (
            (self.field, "sagaFilter"), (self._spans, "sagaTime"), (self._since, "sagaSince"), (self._until, "sagaUntil"),
        ):  # fmt: skip
            widget.setObjectName(name)
        for key, word in span_words().items():
            self._spans.addItem(word, key)
        self._spans.setAccessibleName(tr("When they were started"))
        self._spans.setFixedWidth(112)
        self.field.setToolTip(tr("In the id, the data, or what made it fail"))
        self.field.setMinimumWidth(84)
        self.field.setMaximumWidth(400)
        first, second = QHBoxLayout(), QHBoxLayout(self._between)
        first.setSpacing(8)
        first.addWidget(self.field, 1)
        first.addWidget(self._spans)
        second.setContentsMargins(0, 0, 0, 0)
        second.setSpacing(6)
        for field, name in ((self._since, tr("from")), (self._until, tr("to"))):
            field.setFont(theme().font("body"))
            field.setAccessibleName(name)
            field.setPlaceholderText(name)
            field.setToolTip(tr("A time as 14:32 or 2026-11-23 14:32."))
            field.setMaxLength(20)
            field.textEdited.connect(lambda _: self._pause.start())
            field.returnPressed.connect(self._tell)
            second.addWidget(field)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(6)
        column.addLayout(first)
        column.addWidget(self._between)
        column.addWidget(self._says)
        self._between.setVisible(False)
        self._says.setVisible(False)
        self.field.filter_changed.connect(lambda _: self._tell())
        self._spans.currentIndexChanged.connect(self._on_span)

    @property
    def filter(self) -> RunFilter:
        """Raises ValueError while a moment cannot be read."""
        span = str(self._spans.currentData())
        since = until = None
        if span == BETWEEN:
            since, until = (moment_of(field.text(), self._now()) for field in (self._since, self._until))
            if since is None and until is None:
                span = ANY
        return RunFilter(self._state, self.field.text().strip(), span, since, until)

    def set_state(self, state: SagaState | None) -> None:
        self._state = state
        self._tell()

    def set_filter(self, wanted: RunFilter) -> None:
        """As if the user had written it."""
        self._state = wanted.state
        self.field.setText(wanted.text)
        self._spans.setCurrentIndex(self._spans.findData(wanted.span))
        for field, at in ((self._since, wanted.since), (self._until, wanted.until)):
            field.setText("" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)))
        self._tell()

    def _on_span(self) -> None:
        is_between = self._spans.currentData() == BETWEEN
        self._between.setVisible(is_between)
        if is_between:
            self._since.setFocus()
        self._tell()

    def _tell(self) -> None:
        self._pause.stop()
        try:
            wanted = self.filter
        except ValueError as error:
            self._says.setText(str(error))
            self._says.setVisible(True)
            return
        self._says.setVisible(False)
        if wanted != self._told:
            self._told = wanted
            self.filter_changed.emit(wanted)
