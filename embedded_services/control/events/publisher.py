"""Publishes for people, and waits for the broker's word."""

import asyncio
from collections.abc import Callable
from typing import Final

import aio_pika
import aiormq
import msgspec
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import PublishError
from pamqp.commands import Basic

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection, DisconnectedError, confirming_channel, talking
from embedded_services.common.clock import Clock, iso_utc
from embedded_services.common.ids import new_id, new_traceparent
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import Envelope, NewEvent, Published

CONFIRM_S: Final = 4.0


class NotRoutedError(Exception):
    """No queue wants the message. Its text is for people."""


class Publisher:
    """`wants(key)` is whether an event with this routing key comes to any queue but the tap's, as far as it is known: the
    broker itself says no more that it comes to none."""

    def __init__(self, bus: BusConnection, clock: Clock, wants: Callable[[str], bool | None]) -> None:
        self._wants = wants
        self._bus = bus
        self._clock = clock
        self._channel: aiormq.abc.AbstractChannel | None = None
        bus.on_connected(self._set_up)

    async def _set_up(self, connection: AbstractConnection) -> None:
        channel = await confirming_channel(connection, self._bus)
        await channel.declare_exchange(names.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        self._channel = await channel.get_underlay_channel()

    async def event(self, new: NewEvent) -> Published:
        """Publish an event as the services do. Raises SERVICE_UNAVAILABLE where the broker does not take it."""
        event = Envelope(
            type=new.type,
            data=new.data,
            source=new.source,
            timestamp=iso_utc(self._clock.now()),
            message_id=new_id("evt"),
        )
        properties = Basic.Properties(
            content_type="application/json",
            delivery_mode=2,
            message_id=event.message_id,
            headers={names.TRACEPARENT: new_traceparent()},
        )
        try:
            await self._publish(names.EXCHANGE, new.type, msgspec.json.encode(event), properties)
        except NotRoutedError:
            return Published(message_id=event.message_id, routed=False)
        except DisconnectedError as error:
            raise ApiError("SERVICE_UNAVAILABLE", f"the broker did not take the event: {error}") from error
        return Published(message_id=event.message_id, routed=self._wants(new.type))

    async def publish(self, exchange: str, key: str, body: bytes, properties: Basic.Properties) -> None:
        """Returns when the broker has it. Raises DisconnectedError when that is not known, NotRoutedError when nobody wants
        it."""
        if exchange == names.EXCHANGE and self._wants(key) is False:
            raise NotRoutedError(f"no queue is bound for {key!r} at {exchange!r}")
        await self._publish(exchange, key, body, properties)

    async def _publish(self, exchange: str, key: str, body: bytes, properties: Basic.Properties) -> None:
        channel = self._channel
        if channel is None or not self._bus.connected.is_set():
            raise DisconnectedError(self._bus.problem or "not connected")
        try:
            with talking():
                async with asyncio.timeout(CONFIRM_S):
                    await self._sent(channel, exchange, key, body, properties)
        except DisconnectedError as error:
            if await self._bus.is_blocked():
                raise DisconnectedError("it takes no messages: it is short of memory or disk") from error
            raise

    async def _sent(
        self,
        channel: aiormq.abc.AbstractChannel,
        exchange: str,
        key: str,
        body: bytes,
        properties: Basic.Properties,
    ) -> None:
        try:
            confirmed = await channel.basic_publish(
                body, exchange=exchange, routing_key=key, properties=properties, mandatory=True
            )
        except PublishError as error:
            raise NotRoutedError(
                f"no queue is bound for {key!r} at {exchange or 'the default exchange'!r}"
            ) from error
        if not isinstance(confirmed, Basic.Ack):
            raise DisconnectedError("it refused the message")
