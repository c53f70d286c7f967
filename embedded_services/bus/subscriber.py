"""Takes events from a service's queue to its handlers, and sees to it that none is lost when one fails.

A message is acknowledged after its effect is committed. One whose handler fails is put into a retry queue with its count
and its reason, confirmed, and only then acknowledged; after the last attempt, or when it cannot be read at all, into the
dead letter queue, with its history. So at every moment the message is somewhere.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection, DisconnectedError, confirming_channel, talking
from embedded_services.bus.faults import HandlingFaults
from embedded_services.bus.outbox import current_trace
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.events import Envelope, Failure, Handled
from embedded_services.faults.armed import LocalFaults

PREFETCH: Final = 16
HANDLE_S: Final = 30.0
STOP_S: Final = 1.0
MAX_REASON: Final = 500
KEPT_FAILURES: Final = 20
NOT_KEPT: Final = ("x-death", "CC", "BCC")
"""Headers that would do harm in a copy: the broker's history, which our retry queues would make grow (ours says it all), and
further addressees, who have got theirs."""

log = logging.getLogger(__name__)

_decode: Final = msgspec.json.Decoder(Envelope).decode
_decode_failures: Final = msgspec.json.Decoder(list[Failure]).decode


class Refused(Exception):  # noqa: N818 - a handler's word
    """No attempt will ever succeed: to the dead letters at once."""


@dataclass(frozen=True)
class Arrived:
    """An event as a handler gets it. `attempt` counts from 1; after the `last` it is a dead letter."""

    event: Envelope
    attempt: int
    last: bool
    traceparent: str


Handler = Callable[[Arrived], Awaitable[bool]]
"""Has its effect exactly once, with the help of an inbox; False says that it had happened before. What it raises is a
failed attempt."""


class Subscriber:
    """Works off one queue, which all instances of a service share: those of `handlers`' events that are in `bound` come to
    it from the exchange, the others are sent to it by name."""

    def __init__(
        self,
        queue: str,
        instance: str,
        handlers: dict[str, Handler],
        bound: Iterable[str],
        bus: BusConnection,
        clock: Clock,
        told: Callable[[Handled], None],
        waits_ms: tuple[int, ...] | None = None,
    ) -> None:
        """`handlers` are by event type; `told` hears what became of each message; `waits_ms` are what the bus waits before
        each further attempt, unless others are given."""
        self._queue_name = queue
        self._instance = instance
        self._handlers = handlers
        self._bound = sorted(bound)
        self._bus = bus
        self._clock = clock
        self._told = told
        self._waits_ms = names.RETRY_AFTER_MS if waits_ms is None else waits_ms
        self._faults: HandlingFaults | None = None
        self._tasks = Tasks("events")
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._channel: AbstractChannel | None = None
        self._queue: AbstractQueue | None = None
        self._tag = ""
        bus.on_connected(self._set_up)

    def suffer(self, faults: LocalFaults) -> None:
        """These may strike what is handled from now on."""
        self._faults = HandlingFaults(faults, self._queue_name, PREFETCH, self._clock)

    async def stop(self) -> None:
        """Take nothing more, and let what is under way end within `STOP_S`. What does not, the broker gives to another."""
        self._stopping = True
        try:
            async with asyncio.timeout(STOP_S):
                if self._queue is not None:
                    with talking():
                        await self._queue.cancel(self._tag, nowait=True)
                await self._idle.wait()
        except (TimeoutError, DisconnectedError) as error:
            log.info("%s: stopped with %d messages under way: %s", self._queue_name, self._working, error)
        await self._tasks.close()

    async def _set_up(self, connection: AbstractConnection) -> None:
        if self._stopping:
            return
        channel = await confirming_channel(connection, self._bus)
        await channel.set_qos(prefetch_count=PREFETCH)
        exchange = await channel.declare_exchange(names.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(self._queue_name, durable=True)
        for type_ in self._bound:
            await queue.bind(exchange, type_)
        await channel.declare_queue(names.dead_queue(self._queue_name), durable=True)
        for wait_ms in self._waits_ms:
            await channel.declare_queue(
                names.retry_queue(self._queue_name, wait_ms),
                durable=True,
                arguments={
                    "x-message-ttl": wait_ms,
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": self._queue_name,
                },
            )
        self._channel = channel
        self._queue = queue
        self._tag = await queue.consume(self._receive)

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        if self._stopping:
            return  # it goes back when the channel closes
        self._working += 1
        self._idle.clear()
        self._tasks.spawn(self._work(message), f"message {message.message_id}")

    async def _work(self, message: AbstractIncomingMessage) -> None:
        try:
            await self._handle(message)
        finally:
            self._working -= 1
            if not self._working:
                self._idle.set()

    async def _handle(self, message: AbstractIncomingMessage) -> None:
        started = self._clock.monotonic()
        failed = _number(message.headers.get(names.ATTEMPTS))
        trace = _text(message.headers.get(names.TRACEPARENT))
        type_, message_id = _text(message.routing_key), _text(message.message_id)
        copies = 0
        try:
            event = _read(message.body)
            type_, message_id = event.type, event.message_id
            if self._faults is not None:
                failures = _failures(message.headers.get(names.FAILURES))
                copied = names.COPY in message.headers
                copies = await self._faults.before(event, trace, failures, copied=copied)
            last = names.wait_after(failed + 1, self._waits_ms) is None
            outcome = await self._attempt(Arrived(event, failed + 1, last, trace))
            error, wait_ms = "", None
        except Refused as refusal:
            outcome, error, wait_ms = "dead", str(refusal)[:MAX_REASON] or "refused", None
            log.warning("%s %s: refused: %s", type_, message_id, error)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is a failed attempt: kept and told
            error = _reason(problem)
            wait_ms = names.wait_after(failed + 1, self._waits_ms)
            outcome = "dead" if wait_ms is None else "retry"
            log.warning("%s %s: attempt %d failed: %s", type_, message_id, failed + 1, error)
        try:
            with talking():
                if error:
                    await self._put_away(message, failed, error, wait_ms)
                for _ in range(copies):
                    await self._put(message, {**message.headers, names.COPY: 1}, self._queue_name)
                await message.ack()
        except DisconnectedError as problem:
            # It is not acknowledged, so the broker gives it to somebody again.
            log.info("%s %s could not be settled: %s", type_, message_id, problem)
            if error:
                return
        self._told(
            Handled(
                at=self._clock.now(),
                message_id=message_id,
                type=type_,
                queue=self._queue_name,
                instance=self._instance,
                outcome=outcome,
                attempt=failed + 1,
                took_ms=round((self._clock.monotonic() - started) * 1000, 3),
                error=error,
                wait_s=(wait_ms or 0) / 1000,
            )
        )

    async def _attempt(self, arrived: Arrived) -> str:
        handler = self._handlers.get(arrived.event.type)
        if handler is None:
            return "ignored"  # bound in an earlier version, or sent to the queue by name
        token = current_trace.set(arrived.traceparent)
        try:
            async with asyncio.timeout(HANDLE_S):
                return "done" if await handler(arrived) else "duplicate"
        finally:
            current_trace.reset(token)

    async def _put_away(
        self, message: AbstractIncomingMessage, failed: int, reason: str, wait_ms: int | None
    ) -> None:
        """Keep it for another attempt, or with the dead letters. Returns when the broker has it."""
        headers: dict[str, Any] = dict(message.headers)
        failures = [
            *_failures(headers.get(names.FAILURES)),
            Failure(at=self._clock.now(), instance=self._instance, reason=reason),
        ]
        headers[names.ATTEMPTS] = failed + 1
        headers[names.FAILURES] = msgspec.json.encode(failures[-KEPT_FAILURES:]).decode()
        headers.setdefault(names.FIRST_EXCHANGE, message.exchange or "")
        headers.setdefault(names.FIRST_KEY, message.routing_key or "")
        if wait_ms is None:
            target = names.dead_queue(self._queue_name)
            headers[names.REASON] = reason
        else:
            target = names.retry_queue(self._queue_name, wait_ms)
        await self._put(message, headers, target)

    async def _put(self, message: AbstractIncomingMessage, headers: dict[str, Any], target: str) -> None:
        """A copy of it into a queue. Returns when the broker has it."""
        channel = self._channel
        if channel is None or message.channel is not await channel.get_underlay_channel():
            raise DisconnectedError("it came by a connection that is gone")
        for name in NOT_KEPT:
            headers.pop(name, None)
        copy = aio_pika.Message(
            message.body,
            headers=headers,
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            correlation_id=message.correlation_id,
            reply_to=message.reply_to,
            message_id=message.message_id,
            timestamp=message.timestamp,
            type=message.type,
            app_id=message.app_id,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        async with asyncio.timeout(HANDLE_S):
            await channel.default_exchange.publish(copy, target, mandatory=True)


def _reason(problem: Exception) -> str:
    if isinstance(problem, TimeoutError) and not str(problem):
        return f"TimeoutError: no end within {HANDLE_S:g} s"
    return f"{type(problem).__name__}: {problem}"[:MAX_REASON]


def _read(body: bytes) -> Envelope:
    """Raises Refused for what is no event: it will not become one."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"not an event: {error}") from error


def _failures(value: object) -> list[Failure]:
    if not isinstance(value, str | bytes):
        return []
    try:
        return _decode_failures(value)
    except msgspec.DecodeError:
        return []


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
