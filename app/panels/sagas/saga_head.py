"""The line above the lanes: which saga, how it stands, whose it is, and what a person can do about it."""

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.hold_words import ACTIONS, ActionKey
from app.panels.sagas.run_rows import run_row
from app.panels.sagas.words import saga_said, short_id, took
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label
from app.widgets.status_pill import StatusPill
from embedded_services.contracts.sagas import HoldReason, Saga, SagaState

_HEIGHT: Final = 46


class SagaHead(QFrame):
    """`asked(key)`: next, retry, skip, cancel; copy, trace, traceEvents, traceRequest, again."""

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self.setFixedHeight(_HEIGHT)
        self._saga: Saga | None = None
        self._id = Label("", "mono", strong=True)
        self._pill = StatusPill(small=True)
        self._about = ElidedLabel("", "body", "text_secondary")
        self._trace = Button("", kind="link")
        self._trace.setObjectName("sagaTrace")
        self._trace.setFont(theme().font("mono"))
        words: dict[ActionKey, str] = {
            "next": tr("Next"), "retry": tr("Retry"), "skip": tr("Skip with a reason…"), "cancel": tr("Cancel…"),
        }  # fmt: skip
        self._buttons = {key: Button(words[key]) for key in ACTIONS}
        self._buttons["next"].set_kind("primary")
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(10)
        for widget in (self._id, self._pill):
            line.addWidget(widget)
        line.addWidget(self._about, 1)
        line.addWidget(self._trace)
        for key, button in self._buttons.items():
            button.setObjectName(f"saga-{key}")
            button.clicked.connect(lambda _=False, key=key: self.asked.emit(key))
            line.addWidget(button)
        self._trace.clicked.connect(self._open_trace_menu)

    def show_saga(self, saga: Saga, refusals: Mapping[ActionKey, str], now: float) -> None:
        self._saga = saga
        said = saga_said(saga.state, saga.hold.reason if saga.hold is not None else None)
        self._id.setText(short_id(saga.id))
        self._id.setToolTip(saga.id)
        self._pill.set_status(said.mark, said.word)
        self._trace.setText(tr("trace {id}", id=saga.trace_id[:8]))
        self._trace.setAccessibleName(tr("Trace {id}", id=saga.trace_id))
        self._trace.setToolTip(saga.trace_id)
        for key, button in self._buttons.items():
            why = refusals[key]
            button.setEnabled(not why)
            button.setToolTip(why)
            button.setVisible(_is_shown(saga, key))
        self.pass_time(now)

    def pass_time(self, now: float) -> None:
        if self._saga is not None:
            self._about.setText(about(self._saga, now))

    def set_busy(self, key: str, *, busy: bool) -> None:
        for name, button in self._buttons.items():
            if name == key:
                button.set_busy(busy)

    def set_stale(self, stale: bool) -> None:
        self.setEnabled(not stale)

    def _open_trace_menu(self) -> None:
        menu = QMenu(self)
        menu.setObjectName("traceMenu")
        fill_trace_menu(menu, self.asked.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._trace.mapToGlobal(self._trace.rect().bottomLeft()))


def fill_trace_menu(menu: QMenu, asked: Callable[[str], object]) -> None:
    """What can be done with a trace. `asked(key)` is called."""
    for key, text in (
        ("trace", tr("Copy the trace id")),
        ("traceEvents", tr("Show its events")),
        ("traceRequest", tr("Show its request in Gateway")),
    ):
        action = menu.addAction(text)
        action.setObjectName(key)
        action.triggered.connect(lambda _=False, key=key: asked(key))


def _is_shown(saga: Saga, key: ActionKey) -> bool:
    """What cannot be taken for a saga as it stands takes no room."""
    waits = saga.hold.reason if saga.hold is not None else None
    match key:
        case "next":
            return waits is HoldReason.NEXT
        case "retry" | "skip":
            return waits is HoldReason.PERSON
        case "cancel":
            return saga.state is SagaState.RUNNING


def about(saga: Saga, now: float) -> str:
    """`2.0 s · order-processing · usr_demo · 119.97 · 14:32:06`."""
    parts = [took(run_row(saga).lasted(now)), saga.name]
    user, total = saga.data.get("userId"), saga.data.get("total")
    if isinstance(user, str):
        parts.append(user)
    if isinstance(total, int | float):
        parts.append(figures.decimal(total, 2))
    order = saga.data.get("orderId")
    if isinstance(order, str):
        parts.append(order)
    parts.append(tr("started {time}", time=figures.clock_time(saga.started_at)))
    return " · ".join(parts)
