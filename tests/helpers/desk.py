"""The control plane's event desk on a broker, in the test's process, and a client that publishes and puts dead letters down."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from embedded_services.broker.report import QueueReport
from embedded_services.bus import names
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.events import Failure, Seen
from embedded_services.contracts.queues import DeadLetter
from embedded_services.control.events.desk import EventDesk

BEAT_S = 0.02


@dataclass
class Watched:
    desk: EventDesk
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    topics: list[str] = field(default_factory=list)

    def tell(self, *topics: str) -> None:
        self.topics.extend(topics)
        self.changed.set()

    async def until(self, holds: Callable[[], Any], within_s: float = 15.0) -> None:
        """Looks again whenever something has changed."""
        async with asyncio.timeout(within_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def connected(self) -> None:
        await self.until(
            lambda: self.desk.link.reading.connected.is_set() and self.desk.link.publishing.connected.is_set()
        )

    def events(self) -> list[Seen]:
        """As the stream shows them, oldest first."""
        return self.desk.history.ring.newest_after(0, 100_000).items

    def letters(self, service: str) -> list[DeadLetter]:
        queue = names.dead_queue(names.queue_of(service))
        return [letter for letter in self.desk.link.letters.letters() if letter.queue == queue]


@asynccontextmanager
async def watched_desk(
    url: str,
    folder: Path,
    services: Iterable[str] = (),
    *,
    report: QueueReport | None = None,
    max_held: int = 10_000,
) -> AsyncIterator[Watched]:
    """Asks the broker about the queues of `services`, as for an external one, unless there is the `report` of an embedded one."""
    watched: Watched
    known = list(services)
    desk = EventDesk(
        folder, SystemClock(), lambda *topics: watched.tell(*topics), lambda: known, max_held=max_held
    )
    watched = Watched(desk)
    async with desk.serving(), Tasks("test") as tasks:
        if report is not None:
            tasks.spawn(_beat(desk, report), "beat")
        desk.connect(url, embedded=report is not None)
        await watched.connected()
        yield watched


async def _beat(desk: EventDesk, report: QueueReport) -> None:
    while True:
        if (told := report()) is not None:
            desk.report("broker", "", 1, told)
        await asyncio.sleep(BEAT_S)


@dataclass
class Client:
    """Somebody else at the broker."""

    channel: AbstractChannel

    async def publish(self, type_: str, number: int = 0, *, trace: str = "", **more: Any) -> str:
        """An event as the services publish them; returns its id."""
        message_id = f"m-{type_}-{number}"
        body = {"type": type_, "data": {"n": number, **more}, "source": type_.split(".")[0],
                "timestamp": "2026-01-01T00:00:00Z", "messageId": message_id, "version": "1.0"}  # fmt: skip
        headers: dict[str, Any] = {names.TRACEPARENT: f"00-{trace}-{'b' * 16}-01"} if trace else {}
        await self.raw(names.EXCHANGE, type_, json.dumps(body).encode(), headers, message_id)
        return message_id

    async def raw(
        self, exchange: str, key: str, body: bytes, headers: dict[str, Any], message_id: str | None = None
    ) -> None:
        target = (
            await self.channel.get_exchange(exchange, ensure=False)
            if exchange
            else self.channel.default_exchange
        )
        message = aio_pika.Message(
            body, headers=headers, message_id=message_id, delivery_mode=2, content_type="application/json"
        )
        await target.publish(message, key, mandatory=False)

    async def service(self, service: str, *types: str) -> None:
        """Its queues, as it declares them, without a consumer."""
        exchange = await self.channel.declare_exchange(names.EXCHANGE, "topic", durable=True)
        queue = await self.channel.declare_queue(names.queue_of(service), durable=True)
        for type_ in types:
            await queue.bind(exchange, type_)
        await self.channel.declare_queue(names.dead_queue(queue.name), durable=True)

    async def die(self, service: str, type_: str, number: int = 0, reason: str = "no stock") -> str:
        """A message that failed five times."""
        message_id = f"m-{type_}-{number}"
        body = {"type": type_, "data": {"n": number, "price": 12.10}, "source": "order",
                "timestamp": "2026-01-01T00:00:00Z", "messageId": message_id, "version": "1.0"}  # fmt: skip
        failures = [Failure(at=1000.0 + number, instance=f"{service}-1", reason=reason)]
        headers = {
            names.TRACEPARENT: f"00-{'a' * 32}-{'b' * 16}-01",
            names.ATTEMPTS: 5,
            names.FAILURES: msgspec.json.encode(failures).decode(),
            names.FIRST_EXCHANGE: names.EXCHANGE,
            names.FIRST_KEY: type_,
            names.REASON: reason,
        }
        dead = names.dead_queue(names.queue_of(service))
        await self.raw("", dead, json.dumps(body).encode(), headers, message_id)
        return message_id

    async def get(self, queue: str) -> AbstractIncomingMessage | None:
        found = await self.channel.declare_queue(queue, passive=True)
        return await found.get(no_ack=True, fail=False)

    async def count(self, queue: str) -> int:
        """Those that are ready."""
        found = await self.channel.declare_queue(queue, passive=True)
        return found.declaration_result.message_count or 0


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    connection = await aio_pika.connect(url)
    try:
        yield Client(await connection.channel())
    finally:
        await connection.close()
