"""Many runs at a rate: how many, how fast, how far it has come, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.words import state_words
from app.qt.theme import theme
from app.widgets.button import Button, IconButton
from app.widgets.label import ElidedLabel, Label
from embedded_services.contracts.sagas import SagaState

MAX_RUNS: Final = 10_000
MAX_RATE: Final = 200.0


@dataclass(frozen=True)
class BatchProgress:
    """`ended` counts by state those that were started and are known; `refused` were not begun, `error` says why."""

    total: int
    started: int = 0
    refused: int = 0
    ended: Mapping[SagaState, int] = field(default_factory=dict)
    error: str = ""
    is_running: bool = True
    was_cancelled: bool = False

    @property
    def words(self) -> str:
        """`31 of 50 started · 28 completed · 2 compensated`."""
        parts = [tr("{n} of {total} started", n=figures.count(self.started), total=figures.count(self.total))]
        parts += [
            f"{figures.count(count)} {word.lower()}"
            for state, word in state_words().items()
            if (count := self.ended.get(state, 0))
        ]
        if self.refused:
            parts.append(tr("{n} refused: {why}", n=figures.count(self.refused), why=self.error))
        if self.was_cancelled:
            parts.append(tr("cancelled"))
        return " · ".join(parts)


class BatchRow(QWidget):
    """`start_requested(count, rate)`, `cancel_requested`."""

    start_requested = Signal(int, float)
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count, self._rate = (
            _number("batchCount", tr("How many runs"), "50"),
            _number("batchRate", tr("Runs a second"), "10"),
        )
        self._start = Button(tr("Start"), "start")
        self._start.setObjectName("startBatch")
        self._cancel = Button(tr("Cancel"))
        self._cancel.setObjectName("cancelBatch")
        self._close = IconButton("close", tr("Close"))
        self._gap = QWidget()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._words = ElidedLabel("", "small", "text_secondary")
        self._words.setObjectName("batchWords")
        self._error = Label("", "small", "bad", wrap=True)
        self._is_running = False
        self._build_ui()
        self._start.clicked.connect(self._on_start)
        self._cancel.clicked.connect(self.cancel_requested)
        self._close.clicked.connect(self.hide)
        for field_ in (self._count, self._rate):
            field_.returnPressed.connect(self._on_start)
            field_.textEdited.connect(lambda _: self._say(""))
        self.setVisible(False)
        self._show_running(running=False)

    def _build_ui(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(Label(tr("Run"), "small", "text_secondary"))
        line.addWidget(self._count)
        line.addWidget(Label(tr("times, at"), "small", "text_secondary"))
        line.addWidget(self._rate)
        line.addWidget(Label(tr("/s"), "small", "text_secondary"))
        line.addWidget(self._start)
        line.addWidget(self._cancel)
        line.addWidget(self._bar, 1)
        line.addWidget(self._gap, 1)
        line.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(2)
        column.addLayout(line)
        for widget in (self._words, self._error):
            column.addWidget(widget)
            widget.setVisible(False)

    def show_progress(self, progress: BatchProgress) -> None:
        self.setVisible(True)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.started + progress.refused)
        self._bar.setAccessibleName(progress.words)
        self._words.setText(progress.words)
        self._words.setVisible(True)
        self._show_running(running=progress.is_running)

    @property
    def words(self) -> str:
        return self._words.text()

    @property
    def is_running(self) -> bool:
        return self._is_running

    def open(self) -> None:
        self.setVisible(True)
        self._count.setFocus()
        self._count.selectAll()

    def _show_running(self, *, running: bool) -> None:
        self._is_running = running
        self._start.setVisible(not running)
        self._cancel.setVisible(running)
        self._close.setEnabled(not running)
        for field_ in (self._count, self._rate):
            field_.setEnabled(not running)
        self._bar.setVisible(running)
        self._gap.setVisible(not running)

    def _on_start(self) -> None:
        count, rate = _parsed(self._count.text()), _parsed(self._rate.text())
        if count is None or not 1 <= count <= MAX_RUNS or count != int(count):
            self._say(tr("How many: a whole number from 1 to {n}.", n=f"{MAX_RUNS:,}"))
        elif rate is None or not 0.1 <= rate <= MAX_RATE:
            self._say(tr("How fast: from 0.1 to {n} runs a second.", n=f"{MAX_RATE:g}"))
        else:
            self._say("")
            self.start_requested.emit(int(count), rate)

    def _say(self, text: str) -> None:
        self._error.setText(text)
        self._error.setVisible(bool(text))


def _number(name: str, says: str, value: str) -> QLineEdit:
    made = QLineEdit(value)
    made.setObjectName(name)
    made.setAccessibleName(says)
    made.setFixedWidth(58)
    made.setMaxLength(8)
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    made.setFont(theme().font("mono"))
    return made


def _parsed(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
