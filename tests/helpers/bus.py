"""One service's end of the bus, in the test's process: its database, outbox and inbox, what it handled and what it told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection
from embedded_services.bus.inbox import Inbox, inbox_table
from embedded_services.bus.outbox import Outbox, outbox_table
from embedded_services.bus.relay import Relay
from embedded_services.bus.subscriber import Arrived, Handler, Subscriber
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.events import Handled
from embedded_services.faults.armed import LocalFaults
from embedded_services.services.kit.database import Database, Schema, open_database
from embedded_services.services.kit.storage import SqliteStorage
from tests.helpers.eventually import until

WAITS_MS = (20, 40, 60, 80)

metadata = MetaData()
effects = Table(
    "effects", metadata, Column("n", Integer, primary_key=True), Column("what", String(200), nullable=False)
)
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
SCHEMA = Schema(metadata, version=1, seed=lambda _connection, _now: None)


@dataclass
class End:
    """`handled` is what became of each message, in order; `instance` is who writes."""

    instance: str
    database: Database
    bus: BusConnection
    outbox: Outbox
    relay: Relay
    handled: list[Handled] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, type_: str, *numbers: int, delay_s: float = 0.0) -> list[str]:
        """In one transaction."""
        now = SystemClock().now()

        def work(connection: Connection) -> list[str]:
            return [self.outbox.publish(connection, type_, {"n": n}, now, delay_s=delay_s) for n in numbers]

        return await self.database.transact(work)

    async def send(self, queue: str, type_: str, n: int) -> str:
        now = SystemClock().now()
        return await self.database.transact(lambda c: self.outbox.send(c, queue, type_, {"n": n}, now))

    async def waiting(self) -> int:
        backlog = await self.relay.backlog()
        return backlog.due + backlog.delayed

    async def effects(self) -> list[str]:
        return await self.database.read(
            lambda c: list(c.execute(select(effects.c.what).order_by(effects.c.n)).scalars())
        )

    async def until(self, holds: Callable[[], Any], within_s: float = 20.0) -> None:
        """Looks again whenever something was handled, relayed, connected or lost."""
        async with asyncio.timeout(within_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def until_waiting(self, count: int, within_s: float = 20.0) -> None:
        """Until so many are left to relay: what was confirmed is removed a little later."""
        async with asyncio.timeout(within_s):
            while True:
                self.changed.clear()
                if await self.waiting() == count:
                    return
                await self.changed.wait()

    def told(self, handled: Handled) -> None:
        self.handled.append(handled)
        self.changed.set()

    def outcomes(self) -> list[str]:
        return [handled.outcome for handled in self.handled]


def effect(end: End, what: Callable[[Arrived], str]) -> Handler:
    """A handler that writes what happened, exactly once."""
    book = Inbox(inbox)

    async def handle(arrived: Arrived) -> bool:
        text = what(arrived)

        def work(connection: Connection) -> bool:
            if not book.is_new(connection, arrived.event.message_id, SystemClock().now()):
                return False
            connection.execute(insert(effects).values(what=text))
            return True

        return await end.database.transact(work)

    return handle


@asynccontextmanager
async def joined(
    url: str | None,
    folder: Path,
    service: str,
    slot: int = 1,
    handlers: Callable[[End], dict[str, Handler]] = lambda _: {},
    topology: dict[str, tuple[str, ...]] | None = None,
    faults: LocalFaults | None = None,
) -> AsyncIterator[End]:
    """Instance `slot` of a service, which `faults` may strike. Leaving is as orderly as a process's own end."""
    clock = SystemClock()
    instance = f"{service}-{slot}"
    async with (
        open_database(SqliteStorage(folder / f"{service}.db", "bus"), SCHEMA, clock) as database,
        Tasks(instance) as tasks,
    ):
        bus = BusConnection(url, instance, clock)
        book = Outbox(outbox, service, instance)
        relay = Relay(book, database, bus, clock, topology or {}, faults)
        end = End(instance, database, bus, book, relay)
        table = handlers(end)
        subscriber = Subscriber(
            names.queue_of(service), instance, table, table.keys(), bus, clock, end.told, WAITS_MS
        )
        if faults is not None:
            subscriber.suffer(faults)
        loop = asyncio.get_running_loop()

        def bus_changed() -> None:
            relay.connected()
            end.changed.set()

        def committed() -> None:
            if book.took_any():
                loop.call_soon_threadsafe(relay.poke)

        database.after_commit = committed
        bus.changed = bus_changed
        relay.changed = end.changed.set
        tasks.spawn(bus.run(), "connection")
        relaying = tasks.start(relay.run(), "relay")
        try:
            yield end
        finally:
            relay.stop()
            await subscriber.stop()
            await asyncio.wait({relaying}, timeout=1.0)


@asynccontextmanager
async def listening(url: str, *types: str) -> AsyncIterator["asyncio.Queue[AbstractIncomingMessage]"]:
    """Whoever may listen to the exchange, too: a queue of their own."""
    heard: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        exchange = await channel.declare_exchange(names.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True)
        for type_ in types:
            await queue.bind(exchange, type_)
        await queue.consume(heard.put, no_ack=True)
        yield heard


async def taken(url: str, queue: str, within_s: float = 10.0) -> AbstractIncomingMessage:
    """The next message of a queue, taken from it."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        source = await channel.declare_queue(queue, durable=True)
        return await until(lambda: source.get(no_ack=True, fail=False), within_s)
