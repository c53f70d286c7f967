"""The control plane's side of the message layer, put together: what passes, what waits, what failed, and what to do about
it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import BusState, EventPage, EventQuery, NewEvent, Published
from embedded_services.contracts.queues import DeadLetter
from embedded_services.control.events.dead_letters import MAX_HELD
from embedded_services.control.events.history import History
from embedded_services.control.events.link import BrokerLink
from embedded_services.control.events.queue_book import QueueBook
from embedded_services.control.events.replays import Replays
from embedded_services.control.events.reports import Reports

FOLDER: Final = "events"
RATE_S: Final = 1.0
LETTERS_SHOWN: Final = 1_000
"""In the stream, the newest; the API lists all that are held."""
LETTER_SHOWN: Final = 4 * 1024
FAILURES_SHOWN: Final = 5


class EventDesk:
    """While `serving`, there is the history; the rest from when `connect` says which broker it is."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        changed: Callable[..., None],
        services: Callable[[], Iterable[str]] = tuple,
        *,
        max_held: int = MAX_HELD,
    ) -> None:
        """`changed` hears the names of the stream's topics; `services` are those whose queues an external broker may
        have; of each queue `max_held` dead letters are shown."""
        self._clock = clock
        self._changed = changed
        self._services = services
        self._max_held = max_held
        self.reports = Reports(changed)
        self.history = History(folder, clock, lambda: changed("events"))
        self.queues = QueueBook(lambda: changed("queues"), self._held_of)
        self._link: BrokerLink | None = None
        self._link_tasks = Tasks("broker link")
        self._bus_row: BusState | None = None

    # --- the stream ---

    def states(self) -> dict[str, Callable[[], Mapping[str, msgspec.Struct]]]:
        """The state topics of the stream."""
        return {
            "bus": lambda: {} if self._bus_row is None else {"bus": self._bus_row},
            "queues": self.queues.rows,
            "outbox": lambda: self.reports.outbox,
            "dead-letters": self._letter_rows,
            "replays": lambda: {} if self._link is None else self._link.replays.rows,
        }

    def rings(self) -> dict[str, Ring[Any]]:
        """The event topics of the stream."""
        return {"events": self.history.ring, "handled": self.reports.handled}

    @property
    def bus(self) -> BusState | None:
        """The bus as a whole, as it was told last; None while no broker is known."""
        return self._bus_row

    def trace_of(self, message_id: str) -> str:
        """The trace of an event that passed lately; empty if it is not known."""
        found = self.history.ring.before(None, 1, lambda seen: seen.message_id == message_id)
        return found[0][1].trace if found else ""

    def report(self, child: str, service: str, incarnation: int, beat: Beat) -> None:
        """What a process said of itself."""
        self.reports.report(child, service, incarnation, beat)
        if beat.queues is not None:
            self.queues.take(beat.queues)

    # --- the run ---

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Leaving closes the connections and the history."""
        async with Tasks("events") as tasks:
            self._opened = tasks.start(self.history.open(), "open the history")
            tasks.spawn(self.history.run(), "history")
            try:
                yield
            finally:
                await self.disconnect()
                await tasks.close()
                await self.history.close()

    def connect(self, url: str | None, *, embedded: bool) -> None:
        """Follow the broker at `url` from now on, or as soon as `move` tells where it is. To be called once, while serving."""
        self._link = BrokerLink(
            url,
            self.history,
            self.queues,
            self._link_tasks,
            self._clock,
            self._changed,
            external_services=None if embedded else self._services,
            max_held=self._max_held,
        )
        self._link.reading.changed = self._link.publishing.changed = self.refresh
        self._link_tasks.spawn(self._follow(self._link), "broker")

    def move(self, url: str | None) -> None:
        """The broker is at `url` from now on, or nobody knows where."""
        if self._link is not None:
            self._link.move(url)
            self.refresh()

    async def listening(self, within_s: float) -> None:
        """Wait until the tap is there, so that it sees what services tell first, and until it can be published. After
        `within_s` they are not kept waiting: then what passes until the tap is there counts as a gap."""
        link = self._link
        if link is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await link.reading.connected.wait()
                await link.publishing.connected.wait()
        except TimeoutError:
            link.tap.expect()

    async def disconnect(self) -> None:
        """Leave the broker, before it goes."""
        self._link = None
        await self._link_tasks.close()
        self.refresh()

    async def _follow(self, link: BrokerLink) -> None:
        await asyncio.wait({self._opened})  # it knows the last number
        link.start()
        self.refresh()
        await self._measure(link)

    async def _measure(self, link: BrokerLink) -> None:
        """The bus as a whole, once a second, and when a connection comes or goes."""
        while True:
            events, handled = self.history.total, self.reports.handled.last_seq
            started = self._clock.monotonic()
            await self._clock.sleep(RATE_S)
            took = self._clock.monotonic() - started
            link.events_per_s = round((self.history.total - events) / took, 1)
            link.handled_per_s = round((self.reports.handled.last_seq - handled) / took, 1)
            self.refresh()

    def refresh(self) -> None:
        """Look whether the bus as a whole has changed."""
        link = self._link
        row = None if link is None or link.url is None else link.state(self.letters_in_queues())
        if row != self._bus_row:
            self._bus_row = row
            self._changed("bus")

    # --- what is asked ---

    async def search(self, query: EventQuery) -> EventPage:
        await asyncio.wait({self._opened})
        return await self.history.search(query)

    async def publish(self, new: NewEvent) -> Published:
        """Raises SERVICE_UNAVAILABLE without a broker that takes it."""
        return await self.link.publisher.event(new)

    @property
    def link(self) -> BrokerLink:
        """Raises SERVICE_UNAVAILABLE when there is no broker."""
        if self._link is None:
            raise ApiError("SERVICE_UNAVAILABLE", "this system runs without a broker")
        return self._link

    @property
    def replays(self) -> Replays:
        return self.link.replays

    def letters(self) -> list[DeadLetter]:
        """All that are held, the newest first; bodies may be the beginning only."""
        if self._link is None:
            return []
        return [_short(letter) for letter in self._link.letters.letters()]

    def letter(self, letter: str) -> DeadLetter:
        """With its body as a whole. Raises NOT_FOUND."""
        return self.link.letters.get(letter)

    def _letter_rows(self) -> dict[str, DeadLetter]:
        if self._link is None:
            return {}
        return {letter.id: _short(letter) for letter in self._link.letters.letters()[:LETTERS_SHOWN]}

    def letters_in_queues(self) -> int:
        """All that there are, also those that are too many to be held."""
        rows = self.queues.rows()
        told = sum(row.ready + (row.unacked or 0) for name, row in rows.items() if name.endswith(".dead"))
        return max(told, len(self._link.letters) if self._link is not None else 0)

    def _held_of(self, queue: str) -> int:
        return 0 if self._link is None else self._link.letters.held_of(queue)


def _short(letter: DeadLetter) -> DeadLetter:
    if len(letter.body) <= LETTER_SHOWN and len(letter.failures) <= FAILURES_SHOWN:
        return letter
    return msgspec.structs.replace(
        letter, body=letter.body[:LETTER_SHOWN], failures=letter.failures[-FAILURES_SHOWN:]
    )
