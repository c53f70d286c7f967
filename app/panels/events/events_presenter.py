"""Keeps the Events panel true to the stream: events and what became of them ten times a second, queues four times."""

from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core.fault_marks import queue_marks
from app.core.feed import BUS, EVENTS_SEEN, FAULTS, HANDLED, OUTBOX, PROCESSES, QUEUES, SETTINGS, SYSTEM
from app.core.language import tr
from app.core.messages import to_message
from app.core.session import Port
from app.panels.events.broker_choice import BrokerChoice
from app.panels.events.broker_words import absence, subtitle
from app.panels.events.event_rows import EventRow
from app.panels.events.events_bar import Loss
from app.panels.events.events_model import EventsModel
from app.panels.events.events_panel import EventsPanel
from app.panels.events.history import History
from app.panels.events.letters import Letters
from app.panels.events.outbox_rows import outbox_rows
from app.panels.events.publishing import KNOWN, Publishing
from app.panels.events.queue_rows import Depths, queue_rows
from app.qt.tasks import spawn
from app.qt.throttle import Throttle
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.contracts.events import BusState

FIGURES_MS: Final = 250
MEASURE_MS: Final = 10_000
AT_ONCE: Final = 300
"""Events that are read at a time; what came before them is fetched when it is looked at."""
HANDLED_AT_ONCE: Final = 1_000
MAX_TYPES: Final = 200
BROKER: Final = "broker"
"""The name of the embedded broker's process."""


class EventsPresenter(QObject):
    def __init__(
        self, panel: EventsPanel, model: EventsModel, port: Port, clock: Clock | None = None
    ) -> None:
        super().__init__(panel)
        self._panel, self._model, self._port = panel, model, port
        self._clock = clock or SystemClock()
        self._run, self._newest, self._newest_handled = -1, 0, 0
        self._depths = Depths()
        self._types: set[str] = set()
        self._away_since: float | None = None
        self._was_connected = False
        self._dropped: tuple[int, int] | None = None
        self.history = History(panel, model, port, self._show_loss, self)
        self.publishing = Publishing(panel, self.history, port, lambda: self._types, self)
        self.letters = Letters(panel, self.publishing, port, self._clock, self)
        self.broker = BrokerChoice(panel, port, self)
        self._rows = Throttle(panel, self.refresh)
        self._figures = Throttle(panel, self._show_figures, FIGURES_MS)
        for throttle in (self._rows, self._figures):
            throttle.setParent(self)  # it must not outlive what it calls
        self._measuring = QTimer(self)
        self._measuring.setInterval(MEASURE_MS)
        self._measuring.timeout.connect(self._measure)
        self._measuring.start()
        self._follow()

    def _follow(self) -> None:
        feed = self._port.feed
        leave = [
            feed.listen(self._rows.poke, EVENTS_SEEN, HANDLED),
            feed.listen(self._figures.poke, BUS, QUEUES, OUTBOX, SYSTEM, PROCESSES, SETTINGS, FAULTS),
            feed.listen(self._on_bus, BUS),
            feed.listen_link(self._on_link),
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        self._panel.list.followed.connect(self._rows.poke)
        self._panel.event_opened.connect(self._on_opened)
        self._panel.list.bar.offer(KNOWN)
        self._on_bus()
        self._on_link()

    # --- events ---------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in what came since: the newest of it at once, the rest when it is looked at."""
        tail, model = self._port.feed.tail(EVENTS_SEEN), self._model
        if tail.run != self._run:
            self._run, self._newest, self._newest_handled = tail.run, 0, 0
            self.history.restart()
            model.restart()
            self.history.measure()
        fresh = tail.after(self._newest)
        if fresh:
            self._newest = fresh[-1][0]
            model.take([seen for _, seen in fresh[-AT_ONCE:]], shown=self._panel.list.is_following)
            self._meet({seen.type for _, seen in fresh[-AT_ONCE:]})
            if not model.book.is_bounded:
                self.history.measure()
        elif self._panel.list.is_following:
            model.follow(shown=True)
        self._take_handled()
        self.history.look()

    def _take_handled(self) -> None:
        tail, book = self._port.feed.tail(HANDLED), self._model.handled
        told = tail.after(self._newest_handled)
        if book.since is None:
            book.since = told[0][1].at if told else self._clock.now()
        if not told:
            return
        part = told[:HANDLED_AT_ONCE]
        self._newest_handled = part[-1][0]
        changed = book.take(handled for _, handled in part)
        self._model.tell_handled(changed, *self._panel.list.sight(0))
        shown = self._panel.event_page.row
        if shown is not None and shown.message_id in changed:
            self._panel.show_route()
        if len(told) > len(part):
            self._rows.poke()

    def _meet(self, types: set[str]) -> None:
        if types - self._types and len(self._types) < MAX_TYPES:
            self._types |= types
            self._panel.list.bar.offer(self._types | set(KNOWN))

    # --- the bus --------------------------------------------------------------------------------------------------

    @property
    def _bus(self) -> BusState | None:
        return next(iter(self._port.feed.rows(BUS).values()), None)

    def _on_bus(self) -> None:
        """Noted at once, seen or not: since when the broker is away."""
        bus = self._bus
        connected = bus is not None and bus.connected
        if self._was_connected and not connected:
            self._away_since = self._clock.now()
        elif connected:
            self._away_since = None
        self._was_connected = connected

    def _show_figures(self) -> None:
        feed, bus, stale = self._port.feed, self._bus, not self._port.feed.link.is_live
        if feed.system is None:
            self._panel.show_loading(tr("Waiting for the system"), feed.link.reason)
            return
        self._panel.show_content()
        state = next(iter(feed.rows(SETTINGS).values()), None)
        self._panel.set_subtitle(subtitle(bus, state.settings.broker if state else None, stale=stale))
        queues, outboxes = feed.rows(QUEUES), feed.rows(OUTBOX)
        self._depths.see(queues, self._clock.now())
        broken = queue_marks(feed.rows(FAULTS).values(), queues.values())
        self._panel.queues.show_rows(
            queue_rows(queues.values(), self._depths, broken), outbox_rows(outboxes.values())
        )
        broker = feed.rows(PROCESSES).get(BROKER)
        gone = None if stale else absence(bus, outboxes.values(), self._away_since, broker)
        self._panel.show_absence(gone)
        self._show_loss()
        if bus is not None and (bus.dropped, bus.gaps) != self._dropped:
            self._dropped = (bus.dropped, bus.gaps)
            self.history.measure()

    def _show_loss(self) -> None:
        bus, book = self._bus, self._model.book
        self._panel.list.set_loss(
            Loss(
                lost=book.lost,
                gaps=bus.gaps if bus is not None else 0,
                gap_at=bus.gap_at if bus is not None else None,
                older=book.first - 1 if book.is_bounded else 0,
            )
        )

    # --- contact and selection ------------------------------------------------------------------------------------

    def _on_link(self) -> None:
        live = self._port.feed.link.is_live
        self._panel.set_stale(not live)
        self._figures.poke()
        self._rows.poke()
        if live:
            self._measure()

    def _measure(self) -> None:
        if self._panel.isVisible():
            self.history.measure()

    def _on_opened(self, row: EventRow) -> None:
        if not row.body:
            _ = spawn(self, self._show_body(row), f"body of {row.seq}", on_error=self._on_no_body)

    async def _show_body(self, row: EventRow) -> None:
        self._panel.show_body(row, await self.history.body_of(row))

    def _on_no_body(self, error: Exception) -> None:
        self._panel.event_page.show_no_body(to_message(error).text)
