"""Takes what waits in the outbox to the broker, in order, and removes what was confirmed.

Woken by commits, never polling: a service that changes nothing asks its database nothing. While there is no broker the
rows wait; what an instance left behind that is gone is adopted by the lowest of its siblings that is there.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from sqlalchemy import Connection

from embedded_services.bus.connection import BusConnection, confirming_channel
from embedded_services.bus.names import EXCHANGE, TRACEPARENT
from embedded_services.bus.outbox import Outbox, Parcel, Waiting
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError

CONFIRM_S: Final = 5.0
ABSENT_S: Final = 2.0
"""How long a sibling is out of rotation before its parcels are adopted."""
AGAIN_S: Final = 0.5
LONGEST_WAIT_S: Final = 3600.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Transactions(Protocol):
    """The service's database."""

    async def transact(self, work: Callable[[Connection], T]) -> T: ...

    async def read(self, work: Callable[[Connection], T]) -> T: ...


class Relay:
    """`run` lives as long as the process; `relayed` counts what the broker has confirmed."""

    def __init__(self, outbox: Outbox, database: Transactions, bus: BusConnection, clock: Clock) -> None:
        self._outbox = outbox
        self._database = database
        self._bus = bus
        self._clock = clock
        self._wake = asyncio.Event()
        self._wake.set()  # an earlier incarnation may have left something
        self._channel: AbstractChannel | None = None
        self._events: AbstractExchange | None = None
        self._declared: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._siblings: list[str] = [outbox.writer]
        self._absent_since: dict[str, float] = {}
        self.relayed = 0
        bus.on_connected(self._set_up)

    def poke(self) -> None:
        """A transaction was committed that wrote to the outbox."""
        self._wake.set()

    def siblings(self, present: list[str]) -> None:
        """The instances of this service that are in rotation now."""
        self._siblings = sorted({*present, self._outbox.writer})
        self._wake.set()

    async def run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                await self._bus.connected.wait()
                self._wake.clear()
                try:
                    await self._relay_all()
                except (TimeoutError, OSError, aio_pika.exceptions.AMQPError) as error:
                    self._bus.give_up(f"a publish was not confirmed: {str(error) or type(error).__name__}")
                    self._later(AGAIN_S)
                except ApiError as error:
                    log.warning("the outbox cannot be read: %s", error.message)
                    self._later(AGAIN_S)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._channel = await confirming_channel(connection)
        self._events = await self._channel.declare_exchange(
            EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True
        )
        self._declared.clear()
        self._wake.set()

    async def _relay_all(self) -> None:
        for writer in [self._outbox.writer, *await self._orphans()]:
            while (waiting := await self._waiting(writer)).due:
                await self._relay(waiting.due)
            if waiting.next_at is not None:
                self._later(waiting.next_at - self._clock.now())

    async def _waiting(self, writer: str) -> Waiting:
        now = self._clock.now()
        return await self._database.read(lambda connection: self._outbox.waiting(connection, writer, now))

    async def _relay(self, parcels: list[Parcel]) -> None:
        """Publish in order, all at once; what the broker confirmed is removed, also when another one failed."""
        confirmed: list[int] = []
        sending: list[tuple[int, asyncio.Task[object]]] = []
        try:
            async with asyncio.timeout(CONFIRM_S), Tasks("relay") as tasks:
                for parcel in parcels:
                    exchange = await self._exchange(parcel)
                    # Tasks begin in the order in which they are made and a channel's lock is fair: so is the wire.
                    publish = exchange.publish(
                        _message(parcel), parcel.routing_key, mandatory=not parcel.exchange
                    )
                    sending.append((parcel.seq, tasks.start(publish, parcel.message_id)))
                for seq, sent in sending:
                    await sent
                    confirmed.append(seq)
        finally:
            if confirmed:
                self.relayed += len(confirmed)
                await self._database.transact(lambda connection: self._outbox.remove(connection, confirmed))

    async def _exchange(self, parcel: Parcel) -> AbstractExchange:
        channel, events = self._channel, self._events
        if channel is None or events is None:
            raise OSError("there is no channel")
        if parcel.exchange:
            return events
        if parcel.routing_key not in self._declared:
            await channel.declare_queue(parcel.routing_key, durable=True)
            self._declared.add(parcel.routing_key)
        return channel.default_exchange

    async def _orphans(self) -> list[str]:
        """Writers whose parcels nobody takes, if it is on us: the lowest instance that is there."""
        if self._siblings[0] != self._outbox.writer:
            return []
        writers = await self._database.read(self._outbox.writers)
        now = self._clock.monotonic()
        absent = [writer for writer in writers if writer not in self._siblings]
        self._absent_since = {writer: self._absent_since.get(writer, now) for writer in absent}
        orphans = [writer for writer, since in self._absent_since.items() if now - since >= ABSENT_S]
        if len(orphans) < len(absent):
            self._later(ABSENT_S)
        return orphans

    def _later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(max(0.0, seconds), LONGEST_WAIT_S), self._wake.set)


def _message(parcel: Parcel) -> aio_pika.Message:
    return aio_pika.Message(
        parcel.body,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=parcel.message_id,
        headers={TRACEPARENT: parcel.traceparent} if parcel.traceparent else {},
    )
