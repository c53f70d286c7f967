"""One saga as it is looked at: its line, why it stands still, its lanes. Or, where there is none, what to do about that."""

from typing import Final

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core import figures
from app.core.fault_marks import StepFault
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.sagas.hold_words import hold_words, refusals
from app.panels.sagas.lanes import Lanes, lanes_of
from app.panels.sagas.lanes_view import LanesView
from app.panels.sagas.reason_strip import ReasonStrip
from app.panels.sagas.run_rows import step_in_focus
from app.panels.sagas.saga_head import SagaHead
from app.qt.tokens import Tone
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice
from app.widgets.state_view import StateView
from app.widgets.status_lamp import StatusLamp
from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import Saga, SagaDefinition

_HEAD_MS: Final = 200
_MARKS: Final[dict[Tone, str]] = {"warn": "degraded", "bad": "unhealthy", "accent": "waiting"}


class SagaPane(QWidget):
    """`asked(key, reason)` of the saga; `step_chosen(step, way)`; `step_menu_requested(step, way, global place)`;
    `test_requested` from the empty state."""

    asked = Signal(str, str)
    step_chosen = Signal(str, str)
    step_menu_requested = Signal(str, str, QPoint)
    test_requested = Signal()

    def __init__(self, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._saga: Saga | None = None
        self._definition: SagaDefinition | None = None
        self._in_force: tuple[StepFault, ...] = ()
        self.head = SagaHead()
        self.reason = ReasonStrip()
        self.lanes = LanesView(clock)
        self.notice = Notice("bad")
        self._hold = _HoldStrip()
        self._state = StateView()
        self._state.setObjectName("noSaga")
        self._views = QStackedWidget()
        self._build_ui()
        self._tick = QTimer(self)
        self._tick.setInterval(_HEAD_MS)
        self._tick.timeout.connect(self._pass_time)
        self._tick.start()
        self._connect()
        self.show_nothing()

    def _build_ui(self) -> None:
        inner, column = QWidget(), QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        holder = QWidget()
        messages = QVBoxLayout(holder)
        messages.setContentsMargins(16, 8, 16, 8)
        messages.addWidget(self.notice)
        holder.setVisible(False)
        self._messages = holder
        self.notice.closed.connect(lambda: holder.setVisible(False))
        for widget in (self.head, self.reason, holder, self._hold):
            column.addWidget(widget)
        column.addWidget(self.lanes, 1)
        inner.setLayout(column)
        self._views.addWidget(self._state)
        self._views.addWidget(inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._views)

    def _connect(self) -> None:
        self.head.asked.connect(self.ask)
        self.reason.given.connect(self.asked)
        self.lanes.step_chosen.connect(self.step_chosen)
        self.lanes.menu_requested.connect(self.step_menu_requested)
        self._state.action_requested.connect(self.test_requested)

    # --- what it is told ------------------------------------------------------------------------------------------

    @property
    def saga(self) -> Saga | None:
        return self._saga

    @property
    def shown_lanes(self) -> Lanes:
        return self.lanes.lanes

    @property
    def hold(self) -> str:
        return self._hold.text if not self._hold.isHidden() else ""

    def show_saga(self, saga: Saga, definition: SagaDefinition | None) -> None:
        if self._saga is None or self._saga.id != saga.id:
            self.reason.hide()
            self.notice.clear()
            self.lanes.select("", "")
        self._saga, self._definition = saga, definition
        self.head.show_saga(saga, refusals(saga, definition), self._clock.now())
        self._hold.setVisible(saga.hold is not None)
        if saga.hold is not None:
            text, tone = hold_words(saga.hold)
            self._hold.show_hold(text, tone, saga.hold.since)
        self.lanes.show_lanes(lanes_of(saga, definition, self._in_force))
        self._views.setCurrentIndex(1)

    def show_faults(self, in_force: tuple[StepFault, ...]) -> None:
        """Those that act on every run, whichever is looked at."""
        if in_force != self._in_force:
            self._in_force = in_force
            if self._saga is not None:
                self.lanes.show_lanes(lanes_of(self._saga, self._definition, in_force))

    def show_nothing(self) -> None:
        """No run was ever started."""
        self._saga = None
        self._state.show_empty(
            tr("No saga has run yet"),
            tr(
                "A saga takes an order through its steps, one service after another, and undoes them in reverse "
                "when one fails. Run the test order and watch each step."
            ),
            tr("Run the test order"),
            "sagas",
        )
        self._views.setCurrentIndex(0)

    def show_choose(self) -> None:
        """There are runs, and none is chosen."""
        self._saga = None
        self._state.show_empty(
            tr("Choose a run"), tr("Its steps and their undoing appear here."), "", "sagas"
        )
        self._views.setCurrentIndex(0)

    def show_loading(self, what: str) -> None:
        self._saga = None
        self._state.show_loading(what)
        self._views.setCurrentIndex(0)

    def show_missing(self, message: UserMessage) -> None:
        self._saga = None
        self._state.show_error(message, "")
        self._views.setCurrentIndex(0)

    def show_error(self, message: UserMessage) -> None:
        """Where the action was."""
        self.notice.show_message(message)
        self._messages.setVisible(True)

    def clear_error(self) -> None:
        self.notice.clear()

    def set_stale(self, stale: bool) -> None:
        self.head.set_stale(stale)
        self.lanes.set_stale(stale)

    # --- what the user does ---------------------------------------------------------------------------------------

    def ask(self, key: str) -> None:
        """As if its button were pressed: what needs a reason asks for it first."""
        if key in ("skip", "cancel") and self._saga is not None:
            step = step_in_focus(self._saga)
            self.reason.ask(key, step.name if step is not None else "")
        else:
            self.asked.emit(key, "")

    def _pass_time(self) -> None:
        if self._saga is not None and self.isVisible():
            self.head.pass_time(self._clock.now())
            self._hold.pass_time(self._clock.now())


class _HoldStrip(QFrame):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("hold")
        self.setProperty("region", "bar")
        self._since = 0.0
        self._lamp = StatusLamp("waiting")
        self._text = ElidedLabel("", "body")
        self._age = Label("", "small", "text_muted")
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 5, 16, 5)
        line.setSpacing(10)
        line.addWidget(self._lamp)
        line.addWidget(self._text, 1)
        line.addWidget(self._age)

    @property
    def text(self) -> str:
        return self._text.text()

    def show_hold(self, text: str, tone: Tone, since: float) -> None:
        self._since = since
        self._lamp.set_status(_MARKS.get(tone, "waiting"))
        if text != self._text.text():
            self._text.setText(text)
        self._text.set_tone(tone)

    def pass_time(self, now: float) -> None:
        self._age.setText(tr("for {time}", time=figures.lasting(now - self._since)))
