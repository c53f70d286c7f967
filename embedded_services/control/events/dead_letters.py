"""The dead letters, held to be shown: they stay in their queues, where nothing happens to them.

A consumer takes them without acknowledging. That holds at any broker, and when the connection goes they are simply there
again. What is sent again is acknowledged after the broker has the copy; so at worst a message is there twice, under the
id that the first copy had.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import DeliveredMessage

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection, DisconnectedError, talking
from embedded_services.common.clock import Clock
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import Failure
from embedded_services.contracts.queues import DeadLetter
from embedded_services.control.events.reading import known_of, shown, text_of, trace_of
from embedded_services.control.events.replaying import replays_of

MAX_HELD: Final = 10_000
MAX_BYTES: Final = 128 * 1024 * 1024
LOOK_S: Final = 0.5
SETTLE_S: Final = 1.0
"""After a new beginning, letters that have not come again within this time of quiet are gone."""
WHOLE: Final = 4 * 1024 * 1024
RENEW_S: Final = 20 * 60.0
"""RabbitMQ closes a channel whose messages are unacknowledged for half an hour."""
ASK_S: Final = 5.0

log = logging.getLogger(__name__)

_failures: Final = msgspec.json.Decoder(list[Failure]).decode


@dataclass
class Held:
    letter: DeadLetter
    message: DeliveredMessage
    generation: int


class DeadLetters:
    def __init__(
        self,
        bus: BusConnection,
        clock: Clock,
        queues: Callable[[], Iterable[str]],
        changed: Callable[[], None],
        *,
        max_held: int = MAX_HELD,
        settle_s: float = SETTLE_S,
    ) -> None:
        """`queues` are the names of all that there are."""
        self._bus = bus
        self._clock = clock
        self._queues = queues
        self._changed = changed
        self._max_held = max_held
        self._settle_s = settle_s
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._consumed: dict[str, str] = {}
        self._held: dict[str, Held] = {}
        self._busy: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._generation = 0
        self._last_at = 0.0
        self._settled = True
        self._renew_at = 0.0
        bus.on_connected(self._set_up)

    # --- reading ---

    def letters(self) -> list[DeadLetter]:
        """Newest first."""
        found = [held.letter for held in self._held.values()]
        found.sort(key=lambda letter: letter.dead_at or 0.0, reverse=True)
        return found

    def get(self, letter: str) -> DeadLetter:
        """With its body as a whole. Raises NOT_FOUND."""
        held = self._held.get(letter)
        if held is None:
            raise ApiError("NOT_FOUND", f"there is no dead letter {letter!r} (any more)")
        return msgspec.structs.replace(held.letter, body=shown(held.message.body, WHOLE))

    def held_of(self, queue: str) -> int:
        """How many of this queue's messages the broker counts as ours now."""
        return self._counts[queue]

    @property
    def is_settled(self) -> bool:
        """Whether all that is shown is known to lie there now."""
        return self._settled and self._bus.connected.is_set() and self._channel is not None

    def __len__(self) -> int:
        return len(self._held)

    def take(self, letter: str) -> Held:
        """For somebody who will `settle` or `release` it. Raises NOT_FOUND, and CONFLICT when somebody else has it."""
        held = self._held.get(letter)
        if held is None:
            raise ApiError("NOT_FOUND", f"there is no dead letter {letter!r} (any more)")
        if letter in self._busy:
            raise ApiError("CONFLICT", f"{letter} is being replayed already")
        if held.generation != self._generation or self._channel is None or not self._bus.connected.is_set():
            raise ApiError(
                "SERVICE_UNAVAILABLE",
                f"{letter} was last seen before the connection to the broker was lost; wait until it is back",
            )
        self._busy.add(letter)
        return held

    def release(self, held: Held) -> None:
        self._busy.discard(held.letter.id)

    async def settle(self, held: Held) -> None:
        """It leaves its queue. Raises DisconnectedError; then it may be there still."""
        with talking():
            async with asyncio.timeout(ASK_S):
                if held.message.channel.is_closed:
                    raise DisconnectedError("the connection broke")
                await held.message.channel.basic_ack(held.message.delivery_tag or 0)
        if self._held.get(held.letter.id) is held:
            self._forget(held.letter.id)
        self._changed()

    # --- holding ---

    async def run(self) -> None:
        while True:
            await self._bus.connected.wait()
            try:
                with talking():
                    async with asyncio.timeout(ASK_S):
                        await self._look()
            except DisconnectedError as error:
                log.info("the dead letters could not be looked at: %s", error)
                self._channel = None
            await self._clock.sleep(LOOK_S)

    async def _set_up(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._channel = None

    async def _look(self) -> None:
        now = self._clock.monotonic()
        if self._channel is None or self._channel.is_closed or (now >= self._renew_at and not self._busy):
            await self._begin()
        for queue in sorted(self._queues()):
            if queue.endswith(".dead") and queue not in self._consumed and not self._is_full:
                await self._consume(queue)
        if not self._settled and now - self._last_at > self._settle_s:
            self._settled = True
            for letter in [id_ for id_, held in self._held.items() if held.generation != self._generation]:
                self._forget(letter)
            self._changed()

    async def _begin(self) -> None:
        """Take all of them anew, on a new channel."""
        if self._connection is None:
            raise DisconnectedError("not connected")
        if self._channel is not None and not self._channel.is_closed:
            await self._channel.close()
        self._generation += 1
        self._consumed.clear()
        self._counts.clear()
        self._bytes = 0
        self._settled = False
        self._last_at = self._clock.monotonic()
        self._renew_at = self._last_at + RENEW_S
        channel = await self._connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=self._max_held)
        underlay = await channel.get_underlay_channel()
        generation = self._generation
        underlay.on_consumer_cancel_callbacks.add(
            lambda frame: self._cancelled(frame.consumer_tag, generation)
        )
        self._channel = channel

    async def _consume(self, queue: str) -> None:
        if self._channel is None:
            raise DisconnectedError("not connected")
        underlay = await self._channel.get_underlay_channel()
        tag = f"faultdeck.dead.{self._generation}.{queue}"
        self._consumed[queue] = tag
        await underlay.basic_consume(queue, partial(self._arrived, queue, self._generation), consumer_tag=tag)

    @property
    def _is_full(self) -> bool:
        return self._bytes >= MAX_BYTES

    async def _arrived(self, queue: str, generation: int, message: DeliveredMessage) -> None:
        if generation != self._generation:
            return  # it went back with its channel
        now = self._clock.monotonic()
        self._last_at = now
        letter = self._letter(queue, message)
        self._held[letter.id] = Held(letter, message, generation)
        self._counts[queue] += 1
        self._bytes += len(message.body)
        self._changed()
        if self._is_full and queue in self._consumed:
            log.warning("the dead letters take too much memory: not all of %s are shown", queue)
            await message.channel.basic_cancel(self._consumed.pop(queue), nowait=True)

    def _letter(self, queue: str, message: DeliveredMessage) -> DeadLetter:
        properties = message.header.properties
        headers = properties.headers or {}
        known = known_of(message.body)
        failures = _failures_of(headers.get(names.FAILURES))
        first_key = text_of(headers.get(names.FIRST_KEY))
        message_id = known.message_id or properties.message_id or ""
        attempts = headers.get(names.ATTEMPTS)
        return DeadLetter(
            id=self._id(queue, message_id, message),
            queue=queue,
            type=known.type or first_key or (message.routing_key or ""),
            source=known.source or properties.app_id or "",
            message_id=message_id,
            reason=text_of(headers.get(names.REASON)) or _reason(headers),
            attempts=attempts if isinstance(attempts, int) else len(failures),
            failures=failures,
            first_exchange=text_of(headers.get(names.FIRST_EXCHANGE)),
            first_key=first_key,
            trace=trace_of(headers),
            dead_at=failures[-1].at if failures else None,
            size=len(message.body),
            body=shown(message.body),
            replays=replays_of(headers),
        )

    def _id(self, queue: str, message_id: str, message: DeliveredMessage) -> str:
        """The same each time that it is taken, without anything written to it."""
        headers = message.header.properties.headers or {}
        what = "\n".join((queue, message_id, text_of(headers.get(names.FAILURES)))).encode()
        base = hashlib.sha256(what + message.body).hexdigest()[:16]
        number, letter = 1, base
        while (held := self._held.get(letter)) is not None and held.generation == self._generation:
            number += 1  # one more of exactly the same
            letter = f"{base}-{number}"
        return letter

    def _forget(self, letter: str) -> None:
        held = self._held.pop(letter)
        if held.generation == self._generation:
            self._bytes -= len(held.message.body)
            self._counts[held.letter.queue] -= 1

    def _cancelled(self, tag: str | None, generation: int) -> None:
        """The queue is gone, and what lay in it."""
        if generation != self._generation:
            return
        for queue in [queue for queue, own in self._consumed.items() if own == tag]:
            del self._consumed[queue]
            for letter in [id_ for id_, held in self._held.items() if held.letter.queue == queue]:
                self._forget(letter)
        self._changed()


def _failures_of(value: object) -> list[Failure]:
    try:
        return _failures(text_of(value)) if value else []
    except msgspec.DecodeError:
        return []


def _reason(headers: object) -> str:
    """Of a message that the broker itself gave up."""
    deaths = headers.get("x-death") if isinstance(headers, dict) else None
    first = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    return text_of(first.get("reason"))
