"""A queue: what is ready, what is out, who takes it, and when a message is given up.

It decides; what a decision needs from outside (storing, dead-lettering, being deleted) goes through `QueueHost`.
"""

from collections.abc import Mapping
from math import inf
from typing import Any, Final, Protocol

from embedded_services.broker import dead_letters
from embedded_services.broker.backlog import Backlog
from embedded_services.broker.consumer import Consumer, Turns
from embedded_services.broker.message import ENTRY_BYTES, Entry, Message
from embedded_services.broker.queue_arguments import QueueArguments

EXPIRED_AT_ONCE: Final = 1_000
"""Messages that are given up in a turn because they are too old; others want their turn, too."""
DELIVERY_COUNT: Final = "x-delivery-count"
MOST_UNACKED: Final = 192 * 1024 * 1024
"""Bytes with consumers beyond which a queue waits for acknowledgements: one who takes everything and acknowledges nothing
must not have the whole queue read into memory."""


class QueueHost(Protocol):
    """The virtual host, as its queues see it."""

    def insert(self, queue: "Queue", entry: Entry, *, kept: bool) -> None: ...

    def delete(self, queue: "Queue", entry: Entry) -> None: ...

    def returned(self, queue: "Queue", entry: Entry) -> None: ...

    def delivered(self, queue: "Queue", seq: int) -> None: ...

    def load(self, queue: "Queue", after: int, limit: int, most_bytes: int) -> list[Entry]: ...

    def drop(self, queue: "Queue", after: int, last: int) -> None:
        """All that is stored behind place `after`, up to `last`."""
        ...

    def dead_letter(self, queue: "Queue", message: Message, reason: str) -> None: ...

    def active(self, queue: "Queue") -> None:
        """There may be something to deliver."""
        ...

    def more_later(self, queue: "Queue") -> None:
        """There is too much for one turn: pump again in the next."""
        ...


class _Pages:
    def __init__(self, queue: "Queue", host: QueueHost) -> None:
        self._queue = queue
        self._host = host

    def write(self, entry: Entry) -> None:
        self._host.insert(self._queue, entry, kept=False)

    def load(self, after: int, limit: int, most_bytes: int) -> list[Entry]:
        entries = self._host.load(self._queue, after, limit, most_bytes)
        for entry in entries:
            if entry.seq <= self._queue.recovered_to:
                entry.redelivered = True
                entry.deliveries += self._queue.limits.quorum
        return entries

    def drop(self, after: int) -> None:
        self._host.drop(self._queue, after, self._queue.last_seq)


class Queue:
    """`owner` is the connection of an exclusive queue. `recovered_to`: places up to which somebody may have seen a message
    in an earlier run."""

    def __init__(
        self,
        host: QueueHost,
        number: int,
        name: str,
        *,
        durable: bool,
        auto_delete: bool,
        owner: object | None,
        arguments: Mapping[str, Any],
        limits: QueueArguments,
    ) -> None:
        self._host = host
        self.number = number
        self.name = name
        self.durable = durable
        """Whether it is in the store; an exclusive queue that was declared durable is not: it ends with its connection."""
        self.declared_durable = durable
        self.auto_delete = auto_delete
        self.owner = owner
        self.arguments = arguments
        self.limits = limits
        self.backlog = Backlog(_Pages(self, host), limits.max_priority)
        self.consumers = Turns()
        self.unacked = 0
        self.unacked_bytes = 0
        self.recovered_to = 0
        self.is_gone = False
        """It was deleted, and all that was in it, also what is still out."""
        self.published = 0
        self.delivered = 0
        self.acknowledged = 0
        self.last_seq = 0
        self._seen_to = 0
        self._unused_since: float | None = None
        self._own_times = False

    def recover(self, messages: int, size: int, last_seq: int, delivered_to: int) -> None:
        self.last_seq = last_seq
        self._seen_to = self.recovered_to = delivered_to
        self.backlog.recover(messages, size)
        self._own_times = messages > 0

    @property
    def ready(self) -> int:
        return self.backlog.count

    # --- in ---

    def publish(self, message: Message, now: float) -> bool:
        """False when the queue is full and refuses what is new."""
        limits = self.limits
        if limits.overflow != "drop-head" and self._is_full(message.size):
            if limits.overflow == "reject-publish-dlx":
                self._host.dead_letter(self, message, dead_letters.MAXLEN)
            return False
        self.last_seq += 1
        self.published += 1
        entry = Entry(self.last_seq, message, self._expiry(message, now))
        if self.durable and (message.persistent or limits.quorum):
            self._host.insert(self, entry, kept=True)
        self.backlog.push(entry)
        bounded = limits.max_length is not None or limits.max_bytes is not None
        if len(self.consumers) and (bounded or (entry.expires_at is not None and entry.expires_at <= now)):
            self.pump(now)  # it may go out at once, and then it is neither too many nor too old
        if bounded:
            self._shorten()
        self._host.active(self)
        return True

    def _is_full(self, more: int) -> bool:
        limits = self.limits
        if limits.max_length is not None and self.backlog.count + 1 > limits.max_length:
            return True
        return limits.max_bytes is not None and self.backlog.bytes + more > limits.max_bytes

    def _shorten(self) -> None:
        limits, backlog = self.limits, self.backlog
        while backlog.count and (
            (limits.max_length is not None and backlog.count > limits.max_length)
            or (limits.max_bytes is not None and backlog.bytes > limits.max_bytes)
        ):
            entry = backlog.pop()
            if entry is not None:
                self._give_up(entry, dead_letters.MAXLEN)

    def _expiry(self, message: Message, now: float) -> float | None:
        """Seconds since the epoch; the earlier one of the queue's time to live and the message's own."""
        own = message.properties.expiration
        self._own_times = self._own_times or own is not None
        times = [
            ms for ms in (self.limits.message_ttl, int(own) if own is not None else None) if ms is not None
        ]
        return now + min(times) / 1000 if times else None

    # --- out ---

    def pump(self, now: float) -> None:
        """Push to the consumers what they can take."""
        if not self.drop_expired(now, EXPIRED_AT_ONCE):
            self._host.more_later(self)
            return
        only_first = self.limits.single_active
        while (
            self.bytes_out < MOST_UNACKED
            and self.backlog.count
            and (consumer := self.consumers.choose(only_first=only_first)) is not None
        ):
            entry = self.take(now)
            if entry is None:
                return
            if consumer.no_ack:
                self.forget(entry)
            else:
                consumer.unacked += 1
                self._out(entry)
            consumer.outlet.deliver(consumer, entry)

    def get(self, now: float, *, no_ack: bool) -> Entry | None:
        """The next message for somebody who asks."""
        entry = self.take(now)
        if entry is None:
            return None
        if no_ack:
            self.forget(entry)
        else:
            self._out(entry)
        return entry

    def take(self, now: float) -> Entry | None:
        self.drop_expired(now)
        entry = self.backlog.pop()
        if entry is None:
            return None
        self.delivered += 1
        if self.durable and entry.seq > self._seen_to:
            self._seen_to = entry.seq
            self._host.delivered(self, entry.seq)
        return entry

    @property
    def bytes_out(self) -> int:
        """What those that are not acknowledged take."""
        return self.unacked_bytes + self.unacked * ENTRY_BYTES

    def _out(self, entry: Entry) -> None:
        self.unacked += 1
        self.unacked_bytes += entry.message.size

    def _back(self, entry: Entry) -> None:
        self.unacked -= 1
        self.unacked_bytes -= entry.message.size

    def drop_expired(self, now: float, most: float = inf) -> bool:
        """Give up what is too old, at most so many messages. Whether that was all."""
        if not self._has_times():
            return True
        while (head := self.backlog.head()) and head.expires_at is not None and head.expires_at < now:
            if most <= 0:
                return False
            most -= 1
            entry = self.backlog.pop()
            if entry is not None:
                self._give_up(entry, dead_letters.EXPIRED)
        return True

    # --- time ---

    def used(self, now: float) -> None:
        """Declared, asked for a message, or left by its last consumer: what `x-expires` counts from."""
        self._unused_since = now

    def is_expired(self, now: float) -> bool:
        """Whether nobody used the queue for as long as it lives without."""
        dies_at = self._dies_at()
        return dies_at is not None and dies_at <= now

    def next_wake(self) -> float | None:
        """When time alone changes something: seconds since the epoch."""
        head = self.backlog.head() if self._has_times() else None
        times = [
            at for at in (head.expires_at if head is not None else None, self._dies_at()) if at is not None
        ]
        return min(times) if times else None

    def _has_times(self) -> bool:
        return self.limits.message_ttl is not None or self._own_times

    def _dies_at(self) -> float | None:
        if self.limits.expires is None or len(self.consumers) or self._unused_since is None:
            return None
        return self._unused_since + self.limits.expires / 1000

    # --- what becomes of those that are out ---

    def ack(self, entry: Entry) -> None:
        if self.is_gone:
            return
        self._back(entry)
        self.acknowledged += 1
        self.forget(entry)

    def reject(self, entry: Entry) -> None:
        if self.is_gone:
            return
        self._back(entry)
        self._give_up(entry, dead_letters.REJECTED)

    def requeue(self, entry: Entry) -> None:
        """It takes its old place, unless it came back too often."""
        if self.is_gone:
            return
        self._back(entry)
        entry.redelivered = True
        entry.deliveries += 1
        limit = self.limits.delivery_limit
        if limit is not None and entry.deliveries > limit:
            self._give_up(entry, dead_letters.DELIVERY_LIMIT)
            return
        if self.limits.quorum and entry.stored:
            self._host.returned(self, entry)
        self.backlog.give_back(entry)
        if self.limits.max_length is not None or self.limits.max_bytes is not None:
            self._shorten()
        self._host.active(self)

    def purge(self) -> int:
        count = self.backlog.count
        for entry in self.backlog.clear():
            self.forget(entry)
        return count

    def forget(self, entry: Entry) -> None:
        if entry.stored:
            self._host.delete(self, entry)

    def _give_up(self, entry: Entry, reason: str) -> None:
        self.forget(entry)
        if self.limits.dead_letter_exchange is not None:
            self._host.dead_letter(self, entry.message, reason)

    # --- consumers ---

    def add(self, consumer: Consumer) -> None:
        self.consumers.add(consumer)
        self._host.active(self)

    def remove(self, consumer: Consumer) -> None:
        self.consumers.remove(consumer)
        self._host.active(self)

    @property
    def has_exclusive_consumer(self) -> bool:
        return any(consumer.exclusive for consumer in self.consumers)
