"""How the broker's queues stand: as the embedded broker tells, or by asking a broker that only speaks AMQP.

AMQP answers only about queues that are asked for by name, so of an external broker those are known that the services
have.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity

from embedded_services.broker.topics import TopicTrie
from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection, DisconnectedError, talking
from embedded_services.common.clock import Clock
from embedded_services.contracts.queues import QueueState
from embedded_services.control.events.tap import PREFIX

LOOK_S: Final = 1.0
RARELY: Final = 5
"""Looks between two at a queue that was not there."""
ASK_S: Final = 5.0

log = logging.getLogger(__name__)


class QueueBook:
    """`held(queue)` is how many of its messages we ourselves hold, to show them; they are told as ready."""

    def __init__(self, changed: Callable[[], None], held: Callable[[str], int]) -> None:
        self._changed = changed
        self._held = held
        self._queues: dict[str, QueueState] = {}

    def take(self, queues: Iterable[QueueState]) -> None:
        """All that there are."""
        self._queues = {queue.name: queue for queue in queues}
        self._changed()

    def names(self) -> set[str]:
        return set(self._queues)

    def wants(self, key: str) -> bool | None:
        """Whether an event with this routing key comes to any queue but our own; None where that cannot be known."""
        if all(queue.bound is None for queue in self._queues.values()):
            return None
        patterns: TopicTrie[bool] = TopicTrie()
        for queue in self._queues.values():
            if not queue.name.startswith(PREFIX):
                for pattern in queue.bound or ():
                    patterns.add(pattern, True)
        return bool(patterns.match(key))

    def rows(self) -> dict[str, QueueState]:
        return {name: self._row(self._queues[name]) for name in sorted(self._queues)}

    def _row(self, queue: QueueState) -> QueueState:
        held = self._held(queue.name)
        if queue.unacked is not None:
            held = min(held, queue.unacked)  # it may not have heard yet that we took them
        if not held:
            return queue
        return msgspec.structs.replace(
            queue,
            ready=queue.ready + held,
            unacked=None if queue.unacked is None else queue.unacked - held,
            consumers=max(0, queue.consumers - 1),
        )


class QueueLook:
    """Asks an external broker, once a second."""

    def __init__(
        self,
        bus: BusConnection,
        clock: Clock,
        book: QueueBook,
        services: Callable[[], Iterable[str]],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._book = book
        self._services = services
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._absent: dict[str, int] = {}
        bus.on_connected(self._set_up)

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._channel = None
        self._absent.clear()

    async def run(self) -> None:
        while True:
            await self._bus.connected.wait()
            try:
                with talking():
                    async with asyncio.timeout(ASK_S):
                        self._book.take(await self._all())
            except DisconnectedError as error:
                log.info("the queues could not be looked at: %s", error)
            await self._clock.sleep(LOOK_S)

    async def _all(self) -> list[QueueState]:
        found = []
        for service in self._services():
            for name in queues_of(service):
                if self._absent.get(name, 0) > 0:
                    self._absent[name] -= 1
                elif (state := await self._state(name)) is not None:
                    found.append(state)
                else:
                    self._absent[name] = RARELY
        return found

    async def _state(self, name: str) -> QueueState | None:
        if self._channel is None or self._channel.is_closed:
            if self._connection is None:
                raise DisconnectedError("not connected")
            self._channel = await self._connection.channel(publisher_confirms=False)
        underlay = await self._channel.get_underlay_channel()
        try:
            declared = await underlay.queue_declare(name, passive=True)
        except ChannelNotFoundEntity:
            self._channel = None  # the broker closes it with that answer
            return None
        return QueueState(
            name=name,
            type="classic",
            durable=True,
            ready=declared.message_count or 0,
            unacked=None,
            consumers=declared.consumer_count or 0,
        )


def queues_of(service: str) -> list[str]:
    """Those that a service may have."""
    own = (names.queue_of(service), names.deliveries_of(service))
    return [
        name
        for queue in own
        for name in (
            queue,
            *(names.retry_queue(queue, wait) for wait in names.RETRY_AFTER_MS),
            names.dead_queue(queue),
        )
    ]
