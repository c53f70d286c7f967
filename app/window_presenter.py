"""Keeps the frame true to the session: pill, buttons, contact, inspector; carries out start and stop."""

from PySide6.QtCore import QObject, QTimer

from app.core import figures
from app.core.backend import Phase
from app.core.fault_marks import marks
from app.core.feed import BUS, FAULTS, PROCESSES, SAGA_COUNTS, SYSTEM
from app.core.language import tr
from app.core.messages import UserMessage
from app.core.session import Session
from app.fault_presenter import FaultPresenter
from app.frame.status_words import ago, pill_of
from app.main_window import MainWindow
from app.qt.throttle import Throttle
from app.timeline_presenter import TimelinePresenter
from app.traffic_presenter import TrafficItemPresenter
from embedded_services.contracts.sagas import SagaState

_AGE_MS = 1000
_BADGES_MS = 250


class WindowPresenter(QObject):
    """Lives as long as the window has what it was built with."""

    def __init__(self, window: MainWindow, session: Session) -> None:
        super().__init__(window)
        self._window, self._session = window, session
        self._frame = Throttle(window, self._show)
        self._badges = Throttle(window, self._show_badges, _BADGES_MS)
        self._aging = QTimer(self)
        self._aging.setInterval(_AGE_MS)
        self._aging.timeout.connect(session.feed.grow_older)
        feed, backend = session.feed, session.backend
        leave = [
            backend.listen(self._on_backend),
            feed.listen_link(self._frame.poke),
            feed.listen(self._frame.poke, SYSTEM, PROCESSES, BUS, FAULTS),
            feed.listen(self._badges.poke, SAGA_COUNTS),
        ]
        leave += [
            self._frame.deleteLater,
            self._badges.deleteLater,
        ]  # the window, whose they are, outlives this
        self.destroyed.connect(lambda: [end() for end in leave])
        window.start_requested.connect(self._on_start_requested)
        window.stop_requested.connect(self._on_stop_requested)
        self.timeline = TimelinePresenter(window, session, self)
        self.faults = FaultPresenter(window, session, self)
        self.traffic = TrafficItemPresenter(window, session, self)
        self._show()

    # --- what is shown --------------------------------------------------------------------------------------------

    def _on_backend(self) -> None:
        """A phase is not throttled: start and stop must show at once."""
        message = self._session.backend.state.message
        if self._session.backend.state.phase is Phase.STARTING and message is not None:
            self._window.toast.say(message, "warn")
        self._show()

    def _show(self) -> None:
        window, feed, backend = self._window, self._session.feed, self._session.backend.state
        window.top_bar.set_pill(pill_of(backend, feed.link, feed.system))
        if feed.system is not None:
            window.top_bar.set_name(feed.system.name)
        self._show_switch()
        self._show_contact()
        self._age()
        self._show_state()
        processes = list(feed.rows(PROCESSES).values())
        broken = marks(feed.rows(FAULTS).values())
        window.system_page.show_system(feed.system, processes, is_live=feed.link.is_live, broken=broken)
        self._show_badges()

    def _show_badges(self) -> None:
        """What wants attention in a panel that may not be open."""
        bus = next(iter(self._session.feed.rows(BUS).values()), None)
        dead = bus.dead_letters_total if bus is not None else 0
        if "events" in self._window.panels:
            self._window.rail.set_badge("events", figures.count(dead) if dead else "")
        counts = next(iter(self._session.feed.rows(SAGA_COUNTS).values()), None)
        stuck = counts.by_state.get(SagaState.COMPENSATION_FAILED, 0) if counts is not None else 0
        if "sagas" in self._window.panels:
            self._window.rail.set_badge("sagas", figures.count(stuck) if stuck else "")

    def _show_switch(self) -> None:
        state = self._session.backend.state
        locked = ""
        if state.attached:
            locked = tr(
                "Started outside this window (process {pid}); stop it there.",
                pid=state.endpoint and state.endpoint.pid,
            )
        self._window.top_bar.set_switch(
            starts=state.phase in (Phase.STOPPED, Phase.FAILED),
            busy=state.phase is Phase.STOPPING,
            locked=locked,
        )

    def _show_contact(self) -> None:
        """Lost contact says so, and for how long; not while that is what a start or a stop brings with it."""
        link, phase = self._session.feed.link, self._session.backend.state.phase
        lost = phase is Phase.RUNNING and not link.is_live and link.last_reading is not None
        if lost:
            text = tr(
                "No contact with the control plane: {why}. Values are {age} old.",
                why=link.reason,
                age=ago(link.age_s),
            )
            self._window.top_bar.set_message(text)
        else:
            self._window.top_bar.set_message("")

    def _age(self) -> None:
        """Let what was last read grow older while nothing newer comes."""
        link = self._session.feed.link
        is_aging = not link.is_live and link.last_reading is not None
        if is_aging and not self._aging.isActive():
            self._aging.start()
        elif not is_aging:
            self._aging.stop()

    def _show_state(self) -> None:
        """What stands in the place of all panels while there is nothing that they could show."""
        window, state = self._window, self._session.backend.state
        knows = self._session.feed.system is not None
        if state.phase is Phase.FAILED:
            window.state.show_error(state.message or UserMessage(tr("The system cannot be started.")))
        elif state.phase is Phase.STOPPED:
            why = str(state.message) if state.message else tr("No process runs, and all ports are free.")
            window.state.show_empty(tr("The system is stopped"), why, tr("Start the system"), "stop")
        elif not knows and state.phase is Phase.STARTING:
            window.state.show_loading(
                tr("Starting the system"), tr("The control plane comes first, then its services.")
            )
        elif not knows:
            window.state.show_loading(tr("Connecting"), self._session.feed.link.reason)
        window.show_state(shown=not knows or state.phase in (Phase.FAILED, Phase.STOPPED))

    # --- what the user wants --------------------------------------------------------------------------------------

    def _on_start_requested(self) -> None:
        self._session.backend.start()

    def _on_stop_requested(self) -> None:
        self._session.backend.stop()
