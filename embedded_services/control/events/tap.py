"""Reads along on the exchange `events`, through a queue of its own: no other queue sees a difference.

The queue lives as long as the connection and is bounded. What did not fit in it goes to a second one, only to be
counted. What passes while there is no connection is lost to us, and told as a gap.
"""

import secrets
from collections.abc import Callable
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq.abc import DeliveredMessage

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection
from embedded_services.common.clock import Clock

PREFIX: Final = "faultdeck.tap."
MAX_LENGTH: Final = 50_000
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_LOST: Final = 1_000_000
"""As many are counted; their bodies count against `MAX_BYTES` as well."""


class Tap:
    """`gaps` counts how often we were away after we had once been there, or should have been, the last time until `gap_at`."""

    def __init__(
        self,
        bus: BusConnection,
        clock: Clock,
        take: Callable[[DeliveredMessage], None],
        lost: Callable[[int], None],
        *,
        max_length: int = MAX_LENGTH,
    ) -> None:
        """`take` is handed each message as it comes, `lost` how many did not fit."""
        self._bus = bus
        self._clock = clock
        self._take = take
        self._lost = lost
        self._max_length = max_length
        self._was_there = False
        self.gaps = 0
        self.gap_at: float | None = None
        bus.on_connected(self._set_up)

    def expect(self) -> None:
        """Events may pass from now on: when we come only later, that is a gap too."""
        self._was_there = True

    async def _set_up(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda _, error: self._bus.give_up(f"the tap's channel closed: {error}"))
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: self._bus.give_up("the tap was cancelled"))
        exchange = await channel.declare_exchange(names.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        name = PREFIX + secrets.token_hex(6)
        lost = await channel.declare_queue(
            f"{name}.lost",
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": MAX_LOST, "x-max-length-bytes": MAX_BYTES},
        )
        queue = await channel.declare_queue(
            name,
            exclusive=True,
            auto_delete=True,
            arguments={
                "x-max-length": self._max_length,
                "x-max-length-bytes": MAX_BYTES,
                "x-overflow": "drop-head",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": lost.name,
            },
        )
        # The library's own objects for a message would cost more than all the rest.
        await underlay.basic_consume(lost.name, self._on_lost, no_ack=True)
        await underlay.basic_consume(queue.name, self._on_message, no_ack=True)
        await queue.bind(exchange, "#")
        if self._was_there:
            self.gaps += 1
            self.gap_at = self._clock.now()
        self._was_there = True

    async def _on_message(self, message: DeliveredMessage) -> None:
        self._take(message)

    async def _on_lost(self, _: DeliveredMessage) -> None:
        self._lost(1)
