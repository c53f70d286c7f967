"""What the orchestrator tells: its events to the broker, and what moved to the control plane.

The events lie in the journal until the broker has confirmed them; the relay is the services' own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar, cast

from sqlalchemy import Connection

from embedded_services.agent.context import ChildContext
from embedded_services.bus.connection import BusConnection
from embedded_services.bus.names import EXCHANGE
from embedded_services.bus.outbox import BATCH, Backlog, Parcel, Waiting
from embedded_services.bus.relay import Relay
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import OutboxState
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.journal import Journal, Stored
from embedded_services.sagas.orchestrator import Orchestrator
from embedded_services.sagas.views import brief, show

T = TypeVar("T")

MOVED_MAX: Final = 100
STATE_EVERY_S: Final = 0.5
STOP_S: Final = 0.5


class JournalOutbox:
    """The journal's outbox, as the relay asks for it. There is no connection but the journal's own."""

    writer = ORCHESTRATOR

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.written: Callable[[], Awaitable[None]] = _at_once
        """Waits until what the journal has gathered is on disk."""

    def waiting(self, _connection: Connection, _writer: str, _now: float) -> Waiting:
        due = [
            Parcel(told.seq, told.message, EXCHANGE, told.type, told.body, told.trace, told.at)
            for told in self._journal.waiting(BATCH)
        ]
        return Waiting(due, None)

    def remove(self, _connection: Connection, seqs: list[int]) -> None:
        self._journal.published(seqs)

    def writers(self, _connection: Connection) -> set[str]:
        return {self.writer}

    def backlog(self, _connection: Connection, _now: float) -> dict[str, Backlog]:
        count, oldest = self._journal.backlog()
        return {self.writer: Backlog(count, 0, oldest)}

    async def read(self, work: Callable[[Connection], T], *, bounded: bool = True) -> T:  # noqa: ARG002 - the signature is the database's
        return work(cast("Connection", None))

    async def transact(self, work: Callable[[Connection], T], *, bounded: bool = True) -> T:  # noqa: ARG002 - the signature is the database's
        result = work(cast("Connection", None))
        await self.written()
        return result


class Teller:
    """Takes what waits in the outbox to the broker. `poke` says that something was added."""

    def __init__(self, context: ChildContext, journal: Journal) -> None:
        self._clock = context.clock
        self.outbox = outbox = JournalOutbox(journal)
        self._bus = BusConnection(context.spec.broker_url, context.spec.id, context.clock)
        self._relay = Relay(outbox, outbox, self._bus, context.clock, {}, context.faults)
        self._tasks = Tasks("orchestrator bus")
        self._look = asyncio.Event()
        self._state: OutboxState | None = None
        self._bus.changed = self._on_bus_changed
        self._relay.changed = self._look.set
        self._wake = context.link.report_when_woken(self._beat)
        context.link.on_linked(self._look.set)
        context.link.on_broker(self._bus.move)

    def start(self) -> None:
        self._tasks.spawn(self._bus.run(), "connection")
        self._relaying = self._tasks.start(self._relay.run(), "relay")
        self._tasks.spawn(self._watch(), "outbox state")

    async def close(self) -> None:
        self._relay.stop()
        await asyncio.wait({self._relaying}, timeout=STOP_S)
        await self._tasks.close()

    def poke(self) -> None:
        self._relay.poke()
        self._look.set()

    def _on_bus_changed(self) -> None:
        self._relay.connected()
        self._look.set()

    async def _watch(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            backlog = await self._relay.backlog()
            self._state = OutboxState(
                waiting=backlog.due,
                oldest_at=backlog.oldest_at,
                delayed=0,
                relayed=self._relay.relayed,
                connected=self._bus.connected.is_set(),
                problem=self._bus.problem,
            )
            self._wake()
            await self._clock.sleep(STATE_EVERY_S)

    def _beat(self) -> Beat | None:
        state, self._state = self._state, None
        return None if state is None else Beat(outbox=state)


@asynccontextmanager
async def telling(context: ChildContext, journal: Journal, orchestrator: Orchestrator) -> AsyncIterator[None]:
    """Take the orchestrator's events to the broker. As long as nobody knows where it is they wait on."""
    teller = Teller(context, journal)
    teller.outbox.written = orchestrator.committed
    orchestrator.told = teller.poke
    teller.start()
    try:
        yield
    finally:
        orchestrator.told = _nothing
        await teller.close()


async def _at_once() -> None: ...


def _nothing() -> None: ...


class Moved:
    """The sagas that moved since the control plane was last told, the latest of them; `counts` says how many there are in
    each state."""

    def __init__(
        self,
        definitions: dict[str, Definition],
        wake: Callable[[], None],
        counts: Callable[[], dict[str, int]],
    ) -> None:
        self._definitions = definitions
        self.wake = wake
        self._counts = counts
        self._moved: dict[str, Stored] = {}
        self._missed = 0
        self._any = True
        self._anew = True

    def tell(self, stored: Stored) -> None:
        moved = self._moved
        moved.pop(stored.run.id, None)
        moved[stored.run.id] = stored
        if len(moved) > MOVED_MAX:
            del moved[next(iter(moved))]
            self._missed += 1
        if not self._any:
            self._any = True
            self.wake()

    def again(self) -> None:
        """The control plane may know nothing."""
        self._any = self._anew = True
        self.wake()

    def beat(self) -> Beat | None:
        if not self._any:
            return None
        self._any = False
        moved, self._moved = self._moved, {}
        missed, self._missed = self._missed, 0
        anew, self._anew = self._anew, False
        sagas = [brief(show(self._definitions.get(each.run.name), each)) for each in moved.values()]
        return Beat(sagas=sagas, sagas_missed=missed, saga_counts=self._counts(), sagas_anew=anew)
