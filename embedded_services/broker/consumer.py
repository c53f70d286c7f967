"""Somebody to whom a queue's messages are pushed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from embedded_services.broker.message import Entry


class Outlet(Protocol):
    """The channel of a consumer, as its queue sees it."""

    def can_take(self) -> bool:
        """Whether the channel's own prefetch limit and the client's socket leave room."""
        ...

    def deliver(self, consumer: "Consumer", entry: Entry) -> None: ...

    def cancelled(self, consumer: "Consumer") -> None:
        """The queue is gone; nothing more will come."""
        ...


@dataclass(slots=True, eq=False)
class Consumer:
    """`prefetch` 0 means without limit; `unacked` are on their way to it."""

    tag: str
    queue: str
    outlet: Outlet
    no_ack: bool
    exclusive: bool
    prefetch: int
    priority: int = 0
    unacked: int = 0

    def can_take(self) -> bool:
        if self.prefetch and self.unacked >= self.prefetch and not self.no_ack:
            return False
        return self.outlet.can_take()


class Turns:
    """Whose turn it is among a queue's consumers: the highest priority first, equals one after the other."""

    def __init__(self) -> None:
        self._consumers: list[Consumer] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._consumers)

    def __iter__(self) -> Iterator[Consumer]:
        return iter(list(self._consumers))

    @property
    def first(self) -> Consumer | None:
        return self._consumers[0] if self._consumers else None

    def add(self, consumer: Consumer) -> None:
        place = len(self._consumers)
        while place and self._consumers[place - 1].priority < consumer.priority:
            place -= 1
        self._consumers.insert(place, consumer)

    def remove(self, consumer: Consumer) -> None:
        self._consumers.remove(consumer)
        self._next = 0

    def choose(self, *, only_first: bool) -> Consumer | None:
        """One that can take a message now."""
        consumers = self._consumers
        if only_first:
            return consumers[0] if consumers and consumers[0].can_take() else None
        count = len(consumers)
        best: int | None = None
        for step in range(count):
            place = (self._next + step) % count
            if (best is None or consumers[place].priority > consumers[best].priority) and consumers[
                place
            ].can_take():
                best = place
        if best is None:
            return None
        self._next = best + 1
        return consumers[best]
