"""A publisher and a consumer that go on through every failure, and an account of what they were told.

The publisher counts as confirmed what a broker confirmed, and never repeats what it did not. The consumer notes each
delivery, and acknowledges it after that.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from tests.helpers.eventually import until

QUEUE = "load"
DEAD = "load.dead"
PIPELINE = 50
PATIENCE_S = 0.25
FAILURES = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError, asyncio.CancelledError)
"""What a client sees of a broker that is gone: among it cancellations of its own futures, which are not ours."""


@dataclass
class Account:
    sent: int = 0
    confirmed: set[int] = field(default_factory=set)
    deliveries: Counter[int] = field(default_factory=Counter)
    effects: Counter[int] = field(default_factory=Counter)
    dead: Counter[int] = field(default_factory=Counter)
    unflagged: list[int] = field(default_factory=list)
    """Those that came again without being called redelivered."""

    def delivered(self, message: AbstractIncomingMessage) -> int:
        number = int(message.body[:12])
        if self.deliveries[number] and not message.redelivered:
            self.unflagged.append(number)
        self.deliveries[number] += 1
        if self.deliveries[number] == 1:  # what an inbox of ids does
            self.effects[number] += 1
        return number

    async def more_confirmed(self, count: int) -> None:
        """Wait until so many more are."""
        wanted = len(self.confirmed) + count

        async def enough() -> bool:
            return len(self.confirmed) >= wanted

        await until(enough)

    def complaints(self) -> dict[str, Any]:
        """What must not be; empty when all is well."""
        lost = sorted(self.confirmed - self.deliveries.keys())
        found = {
            "lost": lost[:20],
            "repeated without a flag": self.unflagged[:20],
            "effects more than once": [number for number, times in self.effects.items() if times > 1],
            "dead letters twice": [number for number, times in self.dead.items() if times > 1],
            "came from nowhere": [number for number in self.deliveries if number > self.sent],
        }
        return {what: numbers for what, numbers in found.items() if numbers}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    async with asyncio.timeout(PATIENCE_S * 8):
        connection = await aio_pika.connect(url, timeout=PATIENCE_S * 4)
    try:
        async with asyncio.timeout(PATIENCE_S * 4):
            channel = await connection.channel()
        yield channel
    finally:
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(
                PATIENCE_S
            ):  # wait_for would lose a call that is cancelled as it begins
                await connection.close()


async def declare(channel: aio_pika.abc.AbstractChannel, *, dead_letters: bool) -> AbstractQueue:
    await channel.declare_queue(DEAD, durable=True)
    arguments: Any = (
        {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD} if dead_letters else None
    )
    return await channel.declare_queue(QUEUE, durable=True, arguments=arguments)


async def again_and_again(work: Callable[[], Awaitable[None]], stopped: asyncio.Event) -> None:
    while not stopped.is_set():
        try:
            await work()
        except FAILURES:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await asyncio.sleep(0.01)


async def publish(url: str, account: Account, stopped: asyncio.Event, size: int = 512) -> None:
    async def work() -> None:
        async with connected(url) as channel:
            while not stopped.is_set():
                numbers = range(account.sent + 1, account.sent + 1 + PIPELINE)
                account.sent += PIPELINE
                await asyncio.gather(*(one(channel, number) for number in numbers), return_exceptions=True)
                if channel.is_closed:
                    return

    async def one(channel: aio_pika.abc.AbstractChannel, number: int) -> None:
        body = f"{number:012}".encode().ljust(size, b".")
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, QUEUE, timeout=PATIENCE_S * 4)
        account.confirmed.add(number)

    await again_and_again(work, stopped)


async def consume(
    url: str, account: Account, stopped: asyncio.Event, *, pull: bool, dead_letters: bool
) -> None:
    async def take(message: AbstractIncomingMessage) -> None:
        number = account.delivered(message)
        if dead_letters and number % 7 == 0:
            await message.reject(requeue=False)
        else:
            await message.ack()

    async def work() -> None:
        async with connected(url) as channel:
            await channel.set_qos(PIPELINE)
            queue = await declare(channel, dead_letters=dead_letters)
            if pull:
                while not stopped.is_set():
                    message = await queue.get(fail=False, timeout=PATIENCE_S * 2)
                    if message is None:
                        await asyncio.sleep(0.005)
                    else:
                        await take(message)
                return
            await queue.consume(take)

            async def over() -> bool:
                return stopped.is_set() or channel.is_closed

            await until(over)

    await again_and_again(work, stopped)


async def drain(url: str, account: Account, *, dead_letters: bool, within_s: float = 20.0) -> None:
    """Take what is left, the dead letters last."""
    async with asyncio.timeout(within_s), connected(url) as channel:
        queue = await declare(channel, dead_letters=dead_letters)
        while (message := await queue.get(fail=False)) is not None:
            account.delivered(message)
            await message.ack()
        dead = await channel.get_queue(DEAD)
        while (message := await dead.get(fail=False)) is not None:
            account.dead[int(message.body[:12])] += 1
            await message.ack()
