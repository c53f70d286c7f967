"""Takes events from a service's queue to its handlers, and sees to it that none is lost when one fails.

A message is acknowledged after its effect is committed. One whose handler fails is put into a retry queue with its count
and its reason, confirmed, and only then acknowledged; after the last attempt, or when it cannot be read at all, into the
dead letter queue, with its history. So at every moment the message is somewhere.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection, confirming_channel
from embedded_services.bus.outbox import current_trace
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.events import Envelope, Failure, Handled

PREFETCH: Final = 16
HANDLE_S: Final = 30.0
MAX_REASON: Final = 500
KEPT_FAILURES: Final = 20

log = logging.getLogger(__name__)

_decode: Final = msgspec.json.Decoder(Envelope).decode
_decode_failures: Final = msgspec.json.Decoder(list[Failure]).decode


class Refused(Exception):  # noqa: N818 - a handler's word
    """No attempt will ever succeed: to the dead letters at once."""


@dataclass(frozen=True)
class Arrived:
    """An event as a handler gets it. `attempt` counts from 1."""

    event: Envelope
    attempt: int
    traceparent: str


Handler = Callable[[Arrived], Awaitable[bool]]
"""Has its effect exactly once, with the help of an inbox; False says that it had happened before. What it raises is a
failed attempt."""


class Subscriber:
    """The subscriptions of one instance of a service. All instances share the queue."""

    def __init__(
        self,
        service: str,
        instance: str,
        handlers: dict[str, Handler],
        bus: BusConnection,
        clock: Clock,
        told: Callable[[Handled], None],
    ) -> None:
        """`handlers` are by event type; `told` hears what became of each message."""
        self._queue_name = names.queue_of(service)
        self._instance = instance
        self._handlers = handlers
        self._bus = bus
        self._clock = clock
        self._told = told
        self._tasks = Tasks("events")
        self._channel: AbstractChannel | None = None
        bus.on_connected(self._set_up)

    async def close(self) -> None:
        """Take nothing more. What is under way is given back by the broker, to somebody else."""
        await self._tasks.close()

    async def _set_up(self, connection: AbstractConnection) -> None:
        channel = await confirming_channel(connection)
        await channel.set_qos(prefetch_count=PREFETCH)
        exchange = await channel.declare_exchange(names.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(self._queue_name, durable=True)
        for type_ in self._handlers:
            await queue.bind(exchange, type_)
        await channel.declare_queue(names.dead_queue(self._queue_name), durable=True)
        for wait_ms in names.RETRY_AFTER_MS:
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
        await queue.consume(self._receive)

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        self._tasks.spawn(self._handle(message), f"message {message.message_id}")

    async def _handle(self, message: AbstractIncomingMessage) -> None:
        started = self._clock.monotonic()
        failed = _number(message.headers.get(names.ATTEMPTS))
        trace = _text(message.headers.get(names.TRACEPARENT))
        type_, message_id = _text(message.routing_key), _text(message.message_id)
        try:
            event = _read(message.body)
            type_, message_id = event.type, event.message_id
            outcome = await self._attempt(Arrived(event, failed + 1, trace))
            error, wait_ms = "", None
        except asyncio.CancelledError:
            raise
        except Refused as refusal:
            outcome, error, wait_ms = "dead", str(refusal), None
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is a failed attempt: kept and told
            error = f"{type(problem).__name__}: {problem}"[:MAX_REASON]
            wait_ms = names.wait_after(failed + 1)
            outcome = "dead" if wait_ms is None else "retry"
            log.warning("%s %s: attempt %d failed: %s", type_, message_id, failed + 1, error)
        try:
            if error:
                await self._put_away(message, failed, error, wait_ms)
            await message.ack()
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as problem:
            # It is not acknowledged, so the broker gives it to somebody again.
            log.warning("%s %s could not be settled: %s", type_, message_id, problem)
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
        channel = self._channel
        if channel is None:
            raise OSError("there is no channel")
        headers: dict[str, Any] = dict(message.headers)
        headers.pop("x-death", None)  # our own counts say it all, and its retry queues would make it grow
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
        copy = aio_pika.Message(
            message.body,
            headers=headers,
            content_type=message.content_type,
            message_id=message.message_id,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        async with asyncio.timeout(HANDLE_S):
            await channel.default_exchange.publish(copy, target, mandatory=True)


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
