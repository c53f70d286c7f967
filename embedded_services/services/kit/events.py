"""A service's share in the bus: what its changes tell others, and what it does when others tell something.

An event is written to the outbox in the transaction of the change, and a reaction's effect in one transaction with the
inbox, so both happen or neither does. As long as nobody knows where the broker is, events wait in the outbox.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from embedded_services.agent.context import ChildContext
from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection
from embedded_services.bus.inbox import Inbox
from embedded_services.bus.outbox import Outbox, current_trace
from embedded_services.bus.relay import Relay
from embedded_services.bus.subscriber import Arrived, Handler, Subscriber
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, Peers
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import Handled, OutboxState
from embedded_services.contracts.wire import Message
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.topology import topology_of
from embedded_services.telemetry.spans import SpanBook, traceparent

KEPT: Final = 1_000
"""Records of handled messages that wait for the next beat."""
STATE_EVERY_S: Final = 0.5
LOOK_SHARE: Final = 50
"""How many times as long as a look at the outbox takes the next one waits: a large backlog takes long to count."""
STOP_S: Final = 1.0
FORGET_EVERY_S: Final = 6 * 3600.0

log = logging.getLogger(__name__)

Effect = Callable[[Connection], None]
"""What an event changes, within the transaction that remembers it."""
Reaction = Callable[[Arrived], Awaitable[Effect]]
"""Prepares an event's effect. What it raises is a failed attempt, Refused one that need not be repeated."""


class Events:
    """`async with service_events(...)`. `stop` begins to take leave of the broker, which leaving the block awaits."""

    def __init__(
        self,
        context: ChildContext,
        database: Database,
        outbox: Outbox,
        inbox: Inbox,
        reactions: Mapping[str, Reaction],
        deliveries: Mapping[str, Handler],
    ) -> None:
        spec = context.spec
        self._clock = context.clock
        self._database = database
        self._outbox = outbox
        self._inbox = inbox
        self._service = spec.service
        self._tasks = Tasks(f"{spec.id} bus")
        self._bus = BusConnection(spec.broker_url, spec.id, context.clock)
        self._relay = Relay(
            outbox, database, self._bus, context.clock, topology_of(spec.settings), context.faults
        )
        self._spans = SpanBook(spec.id, context.clock)
        handlers = {type_: self._once(reaction) for type_, reaction in reactions.items()}
        self._subscribers = [
            Subscriber(
                queue,
                spec.id,
                {type_: self._traced(handler) for type_, handler in table.items()},
                bound,
                self._bus,
                context.clock,
                self._told,
            )
            for queue, table, bound in (
                (names.queue_of(spec.service), handlers, handlers.keys()),
                (names.deliveries_of(spec.service), deliveries, ()),
            )
            if table
        ]
        for subscriber in self._subscribers:
            subscriber.suffer(context.faults)
        self._handled: deque[Handled] = deque(maxlen=KEPT)
        self._handled_seq = 0
        self._state: OutboxState | None = None
        self._told_state: OutboxState | None = None
        self._look = asyncio.Event()
        self._stopped: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._wake = context.link.report_when_woken(self._beat)
        self._spans.wake = context.link.report_when_woken(self._spans.beat)
        context.link.on_peers(self._on_peers)
        context.link.on_broker(self._bus.move)
        context.link.on_linked(self._on_linked)
        database.after_commit = self._after_commit
        self._bus.changed = self._on_bus_changed
        self._relay.changed = self._look.set

    def start(self) -> None:
        self._tasks.spawn(self._bus.run(), "connection")
        self._relaying = self._tasks.start(self._relay.run(), "relay")
        self._tasks.spawn(self._look_at_outbox(), "outbox state")
        self._tasks.spawn(self._forget(), "inbox")

    def stop(self) -> None:
        """Take no more messages. What is under way goes on."""
        self._stopped = self._stopped or self._tasks.start(self._stop(), "stop")

    async def close(self) -> None:
        await (self._stopped or self._tasks.start(self._stop(), "stop"))
        self._database.after_commit = _nothing
        await self._tasks.close()

    async def _stop(self) -> None:
        self._relay.stop()
        await asyncio.gather(*(subscriber.stop() for subscriber in self._subscribers))
        await asyncio.wait({self._relaying}, timeout=STOP_S)

    # --- what happens here ---

    def _after_commit(self) -> None:
        """In the thread that writes."""
        if self._outbox.took_any():
            self._loop.call_soon_threadsafe(self._added)

    def _added(self) -> None:
        self._relay.poke()
        self._look.set()

    def _on_peers(self, peers: Peers) -> None:
        ours = peers.services.get(self._service)
        if ours is not None:
            self._relay.siblings([peer.id for peer in ours.peers])

    def _on_bus_changed(self) -> None:
        self._relay.connected()
        self._look.set()

    def _once(self, reaction: Reaction) -> Handler:
        """A reaction whose effect happens once, however often the event comes."""

        async def handle(arrived: Arrived) -> bool:
            effect = await reaction(arrived)
            now = self._clock.now()

            def react(connection: Connection) -> bool:
                if not self._inbox.is_new(connection, arrived.event.message_id, now):
                    return False
                effect(connection)
                return True

            return await self._database.transact(react, bounded=False)

        return handle

    def _traced(self, handler: Handler) -> Handler:
        async def handle(arrived: Arrived) -> bool:
            with self._spans.serving(arrived.traceparent, f"handle {arrived.event.type}"):
                current_trace.set(traceparent() or arrived.traceparent)
                return await handler(arrived)

        return handle

    async def _forget(self) -> None:
        while True:
            try:
                await self._database.transact(
                    partial(self._inbox.forget_old, now=self._clock.now()), bounded=False
                )
            except (ApiError, SQLAlchemyError) as error:
                log.warning("the inbox cannot be cleared: %s", error)
            await self._clock.sleep(FORGET_EVERY_S)

    # --- what is told of it ---

    def _told(self, handled: Handled) -> None:
        self._handled.append(handled)
        self._handled_seq += 1
        self._wake()

    async def _look_at_outbox(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            begun = self._clock.monotonic()
            try:
                backlog = await self._relay.backlog()
            except (ApiError, SQLAlchemyError) as error:
                log.warning("the outbox cannot be read: %s", error)
            else:
                self._state = OutboxState(
                    waiting=backlog.due,
                    oldest_at=backlog.oldest_at,
                    delayed=backlog.delayed,
                    relayed=self._relay.relayed,
                    connected=self._bus.connected.is_set(),
                    problem=self._bus.problem,
                )
                self._wake()
            took_s = self._clock.monotonic() - begun
            await self._clock.sleep(max(STATE_EVERY_S, LOOK_SHARE * took_s))

    def _on_linked(self) -> None:
        self._told_state = None
        self._look.set()

    def _beat(self) -> Beat | None:
        handled, state = list(self._handled), self._state
        if state == self._told_state:
            state = None
        if not handled and state is None:
            return None
        self._handled.clear()
        self._told_state = self._state
        return Beat(handled=handled, handled_seq=self._handled_seq, outbox=state)


@asynccontextmanager
async def service_events(
    context: ChildContext,
    database: Database,
    outbox: Outbox,
    inbox: Table,
    reactions: Mapping[str, Reaction] | None = None,
    deliveries: Mapping[str, Handler] | None = None,
) -> AsyncIterator[Callable[[], None]]:
    """Relay what `outbox` holds, and react to events, by type: `reactions` to those of the exchange; `deliveries` come by
    name to a queue of their own, so that what is slow about them holds nothing else up, and see to it themselves that a
    repetition does no harm.

    Yields what begins to take leave of the broker: no new message, and what is under way has a second.
    """
    events = Events(context, database, outbox, Inbox(inbox), reactions or {}, deliveries or {})
    events.start()
    try:
        yield events.stop
    finally:
        await events.close()


def service_outbox(context: ChildContext, table: Table) -> Outbox:
    return Outbox(table, context.spec.service, context.spec.id)


def data_of(message: Message) -> dict[str, Any]:
    """A message as an event's data: as the API shows it, amounts and all."""
    data: dict[str, Any] = msgspec.to_builtins(message, builtin_types=(Decimal,))
    return data


def _nothing() -> None: ...
