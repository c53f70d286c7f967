"""Takes what waits in the outbox to the broker, in order, and removes what was confirmed.

Woken by commits, never polling: a service that changes nothing asks its database nothing. While there is no broker the
rows wait; what an instance left behind that is gone is adopted by the lowest of its siblings that is there.

What was confirmed is removed a little later, many rows at a time: under load the removals would cost as much as all the
rest. An instance that is killed in between has its successor tell a few events once more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar, cast

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.channel import Channel as Underlay
from pamqp.commands import Basic
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from embedded_services.bus.connection import BusConnection, DisconnectedError, confirming_channel, talking
from embedded_services.bus.faults import PublishFaults, Verdict
from embedded_services.bus.names import EXCHANGE, TRACEPARENT
from embedded_services.bus.outbox import BATCH, Backlog, Parcel, Waiting
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.faults.armed import LocalFaults

CONFIRM_S: Final = 5.0
ABSENT_S: Final = 2.0
"""How long a sibling is out of rotation before its parcels are adopted."""
LOOK_S: Final = 15.0
"""How long after a sibling came or went orphans are looked for: what drains may still write."""
AGAIN_S: Final = 0.5
LONGEST_WAIT_S: Final = 3600.0
REMOVE_AFTER_S: Final = 0.1
REMOVE_AT: Final = BATCH // 2
"""As many confirmed rows are removed at once: a look at the outbox must always show some that are not."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Transactions(Protocol):
    """The service's database."""

    async def transact(self, work: Callable[[Connection], T], *, bounded: bool = True) -> T: ...

    async def read(self, work: Callable[[Connection], T], *, bounded: bool = True) -> T: ...


class Parcels(Protocol):
    """What waits to be told: an `Outbox`, or what stands for one. It is asked within a transaction."""

    @property
    def writer(self) -> str: ...

    def waiting(self, connection: Connection, writer: str, now: float) -> Waiting: ...

    def remove(self, connection: Connection, seqs: list[int]) -> None: ...

    def writers(self, connection: Connection) -> set[str]: ...

    def backlog(self, connection: Connection, now: float) -> dict[str, Backlog]: ...


class Relay:
    """`run` lives until `stop`, or as long as the process. `relayed` counts what the broker has confirmed, and `changed` is
    called when it grew."""

    def __init__(
        self,
        outbox: Parcels,
        database: Transactions,
        bus: BusConnection,
        clock: Clock,
        topology: Mapping[str, Iterable[str]],
        faults: LocalFaults | None = None,
    ) -> None:
        """`topology` is which event types are bound to which queue: they are, before anything is published. `faults` are
        those that may strike what is published."""
        self._outbox = outbox
        self._topology = topology
        self._database = database
        self._bus = bus
        self._clock = clock
        self._faults = PublishFaults(faults) if faults is not None else None
        self._wake = asyncio.Event()
        self._wake.set()  # an earlier incarnation may have left something
        self._stopping = False
        self._channel: AbstractChannel | None = None
        self._declared: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._siblings: list[str] = [outbox.writer]
        self._look_for_orphans = True
        self._look_until = 0.0
        self._absent_since: dict[str, float] = {}
        self._confirmed: list[int] = []
        self._confirms = asyncio.Event()
        self._removing = asyncio.Lock()
        self.relayed = 0
        self.changed: Callable[[], None] = _nobody
        bus.on_connected(self._set_up)

    def poke(self) -> None:
        """A transaction was committed that wrote to the outbox."""
        self._wake.set()

    def siblings(self, present: list[str]) -> None:
        """The instances of this service that are in rotation now."""
        siblings = sorted({*present, self._outbox.writer})
        if siblings != self._siblings:
            self._siblings = siblings
            self._look_for_orphans = True
            self._look_until = self._clock.monotonic() + LOOK_S
            self._wake.set()

    def stop(self) -> None:
        """Finish what is under way, and start nothing more."""
        self._stopping = True
        self._wake.set()

    async def backlog(self) -> Backlog:
        """What waits here: our own, and what we adopt."""
        now = self._clock.now()
        found = await self._database.read(
            lambda connection: self._outbox.backlog(connection, now), bounded=False
        )
        others = set(self._siblings) - {self._outbox.writer} if self._is_lowest else set(found)
        ours = [
            entry for writer, entry in found.items() if writer == self._outbox.writer or writer not in others
        ]
        oldest = [entry.oldest_at for entry in ours if entry.oldest_at is not None]
        return Backlog(
            sum(entry.due for entry in ours),
            sum(entry.delayed for entry in ours),
            min(oldest) if oldest else None,
        )

    async def run(self) -> None:
        try:
            async with Tasks("relay") as tasks:
                tasks.spawn(self._remove_later(), "removal")
                while not self._stopping:
                    await self._wake.wait()
                    self._wake.clear()
                    if self._bus.connected.is_set():  # else the next connection wakes us
                        await self._try(self._relay_all)
            await self._try(self._remove)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _remove_later(self) -> None:
        """Beside the relay, which may wait for the broker for long."""
        while True:
            await self._confirms.wait()
            self._confirms.clear()
            await self._clock.sleep(REMOVE_AFTER_S)
            await self._try(self._remove)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except DisconnectedError as error:
            self._bus.give_up(f"a publish was not confirmed: {error}")
        except (ApiError, SQLAlchemyError) as error:
            log.warning("the outbox cannot be used: %s", error)
            self._later(AGAIN_S)
        except Exception:
            log.exception("the relay failed, and goes on")
            self._later(AGAIN_S)

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._channel = await confirming_channel(connection, self._bus)
        events = await self._channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        for name, types in self._topology.items():
            queue = await self._channel.declare_queue(name, durable=True)
            for type_ in types:
                await queue.bind(events, type_)
        self._declared = set(self._topology)
        self._look_for_orphans = True

    def connected(self) -> None:
        """There is a connection, or there is none any more."""
        if self._bus.connected.is_set():
            self._wake.set()

    async def _relay_all(self) -> None:
        for writer in [self._outbox.writer, *await self._orphans()]:
            more = True
            while more and not self._stopping:
                waiting = await self._waiting(writer)
                known = set(self._confirmed)
                due = [parcel for parcel in waiting.due if parcel.seq not in known]
                if due and not await self._relay(due):
                    break
                more = len(waiting.due) == BATCH  # else what was added since has woken us
                if waiting.next_at is not None:
                    self._later(waiting.next_at - self._clock.now())

    async def _waiting(self, writer: str) -> Waiting:
        now = self._clock.now()
        return await self._database.read(
            lambda connection: self._outbox.waiting(connection, writer, now), bounded=False
        )

    async def _relay(self, due: list[Parcel]) -> bool:
        """Publish in order, all at once; what the broker confirmed is not told again, also when another one failed. False if a
        fault struck one of them: what comes after it waits until it is tried again."""
        verdict = self._faults.judge(due) if self._faults is not None else Verdict(due)
        if verdict.parcels:
            await self._publish(verdict)
        if verdict.struck:
            self._later(AGAIN_S)
        return not verdict.struck

    async def _publish(self, verdict: Verdict) -> None:
        parcels = verdict.parcels
        confirmed: list[int] = []

        async def publish(parcel: Parcel) -> None:
            # The library's own objects for a message would cost more than all the rest.
            await channel.basic_publish(
                parcel.body,
                exchange=parcel.exchange,
                routing_key=parcel.routing_key,
                properties=_properties(parcel),
                mandatory=not parcel.exchange,
                wait=False,
            )
            if parcel.seq != verdict.unconfirmed:
                confirmed.append(parcel.seq)

        try:
            with talking():
                channel = await self._declared_for(parcels)
                # gather begins them in this order, and a channel's lock is fair: so is the wire.
                await self._settled(asyncio.gather(*map(publish, parcels), return_exceptions=True))
        finally:
            if confirmed:
                self._confirmed += confirmed
                self.relayed += len(confirmed)
                self.changed()
                self._confirms.set()
        if len(self._confirmed) >= REMOVE_AT:
            await self._remove()

    async def _remove(self) -> None:
        """From the outbox what was confirmed. If that fails it is tried again, and nothing is told twice for it."""
        async with self._removing:
            confirmed = self._confirmed.copy()
            if not confirmed:
                return
            try:
                await self._database.transact(
                    lambda connection: self._outbox.remove(connection, confirmed), bounded=False
                )
            except BaseException:
                self._confirms.set()
                raise
            del self._confirmed[: len(confirmed)]
        self.changed()

    async def _settled(self, publishing: "asyncio.Future[list[BaseException | None]]") -> None:
        """Wait for the broker, longer only if it said that it takes nothing for now. Raises what went wrong first."""
        patient = False
        try:
            while not (await asyncio.wait({publishing}, timeout=CONFIRM_S))[0]:
                blocked = await self._bus.is_blocked()
                if not (blocked or patient):
                    raise DisconnectedError(f"no answer within {CONFIRM_S:g} s")
                self._bus.note_blocked(blocked)
                patient = blocked  # when it takes messages again, it has as long once more
        finally:
            if not publishing.done():
                publishing.cancel()
                await asyncio.wait({publishing})
                with suppress(asyncio.CancelledError):
                    publishing.exception()  # else it is said that nobody ever asked
        if patient:
            self._bus.note_blocked(False)
        for outcome in publishing.result():
            if isinstance(outcome, BaseException):
                raise DisconnectedError(str(outcome) or type(outcome).__name__)

    async def _declared_for(self, parcels: Sequence[Parcel]) -> Underlay:
        """The channel, with all queues there that these go to by name."""
        channel = self._channel
        if channel is None:
            raise DisconnectedError("there is no channel")
        for parcel in parcels:
            if not parcel.exchange and parcel.routing_key not in self._declared:
                await channel.declare_queue(parcel.routing_key, durable=True)
                self._declared.add(parcel.routing_key)
        return cast("Underlay", await channel.get_underlay_channel())

    @property
    def _is_lowest(self) -> bool:
        return self._siblings[0] == self._outbox.writer

    async def _orphans(self) -> list[str]:
        """Writers whose parcels nobody takes, if it is on us: the lowest instance that is there."""
        if not self._is_lowest or not self._look_for_orphans:
            return []
        writers = await self._database.read(self._outbox.writers, bounded=False)
        now = self._clock.monotonic()
        absent = sorted(writers - set(self._siblings))
        self._absent_since = {writer: self._absent_since.get(writer, now) for writer in absent}
        orphans = [writer for writer, since in self._absent_since.items() if now - since >= ABSENT_S]
        self._look_for_orphans = bool(absent) or now < self._look_until
        if len(orphans) < len(absent) or now < self._look_until:
            self._later(ABSENT_S)
        return orphans

    def _later(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + min(max(0.0, seconds), LONGEST_WAIT_S)
        if self._timer is not None:
            if loop.time() < self._timer.when() <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._wake.set)


def _properties(parcel: Parcel) -> Basic.Properties:
    return Basic.Properties(
        content_type="application/json",
        delivery_mode=int(aio_pika.DeliveryMode.PERSISTENT),
        message_id=parcel.message_id,
        headers={TRACEPARENT: parcel.traceparent} if parcel.traceparent else {},
    )


def _nobody() -> None: ...
