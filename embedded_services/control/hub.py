"""The stream hub: turns "something changed" into snapshots and deltas, at most twenty times a second.

It knows topics, not what is in them. State topics are dictionaries of rows; the hub compares them with what it sent
last. Event topics are rings. A subscriber that does not keep up is never waited for: it gets the newest snapshot
when it reads again, and is told how many events it missed.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.ring import Window
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.stream import Delta, Events, Snapshot

FRAME_S = 0.05
MAX_ITEMS = 500

Rows = Mapping[str, msgspec.Struct]


class Told(Protocol):
    """Events in the order in which they were told: a `Ring`, or what has numbers as it has."""

    def newest_after(self, seq: int, limit: int) -> Window[Any]: ...


class Subscriber:
    """What one client follows and what it has been told. `take` is called by whoever writes to the client."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._topics: tuple[str, ...] = ()
        self._told: dict[str, dict[str, Any]] = {}
        self._seq: dict[str, int] = {}
        self._rev = 0
        self._fresh = False
        self.wake = asyncio.Event()

    def follow(self, topics: list[str]) -> None:
        """From now on these, beginning with a snapshot. Raises VALIDATION_FAILED for an unknown topic."""
        unknown = [
            topic for topic in topics if topic not in self._hub.states and topic not in self._hub.rings
        ]
        if unknown:
            known = ", ".join([*self._hub.states, *self._hub.rings])
            raise ApiError("VALIDATION_FAILED", f"unknown topics: {', '.join(unknown)}; there are: {known}")
        self._topics = tuple(dict.fromkeys(topics))
        self._seq = {topic: self._seq.get(topic, 0) for topic in self._topics if topic in self._hub.rings}
        self._fresh = True
        self.wake.set()

    def follows(self, topic: str) -> bool:
        return topic in self._topics

    def take(self) -> list[msgspec.Struct]:
        """The frames that bring the client from what it was told to what is. Empty when nothing changed."""
        frames: list[msgspec.Struct] = []
        rows = {topic: dict(self._hub.states[topic]()) for topic in self._topics if topic in self._hub.states}
        if self._fresh:
            self._fresh = False
            self._rev += 1
            frames.append(Snapshot(rev=self._rev, state=rows))
        else:
            delta = self._difference(rows)
            if delta is not None:
                frames.append(delta)
        self._told = rows
        frames.extend(self._events())
        return frames

    def _difference(self, rows: dict[str, dict[str, Any]]) -> Delta | None:
        changed: dict[str, dict[str, Any]] = {}
        removed: dict[str, list[str]] = {}
        for topic, now in rows.items():
            before = self._told.get(topic, {})
            if news := {key: row for key, row in now.items() if before.get(key) != row}:
                changed[topic] = news
            if gone := [key for key in before if key not in now]:
                removed[topic] = gone
        if not changed and not removed:
            return None
        self._rev += 1
        return Delta(rev=self._rev, set=changed, remove=removed)

    def _events(self) -> list[Events]:
        frames = []
        for topic, seq in self._seq.items():
            window = self._hub.rings[topic].newest_after(seq, MAX_ITEMS)
            if window.to_seq > seq:
                self._seq[topic] = window.to_seq
                frames.append(
                    Events(
                        topic=topic,
                        from_seq=window.from_seq,
                        to_seq=window.to_seq,
                        items=window.items,
                        skipped=window.skipped,
                    )
                )
        return frames


class Hub:
    def __init__(
        self, states: Mapping[str, Callable[[], Rows]], rings: Mapping[str, Told], clock: Clock
    ) -> None:
        self.states = dict(states)
        self.rings = dict(rings)
        self._clock = clock
        self._subscribers: set[Subscriber] = set()
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()

    def offer(self, states: Mapping[str, Callable[[], Rows]], rings: Mapping[str, Told]) -> None:
        """Topics besides those that there are."""
        self.states.update(states)
        self.rings.update(rings)

    def changed(self, *topics: str) -> None:
        """Cheap: any number of changes within a frame cost one comparison, and none where nobody looks."""
        self._dirty.update(topics)
        self._wake.set()

    def is_followed(self, topic: str) -> bool:
        return any(subscriber.follows(topic) for subscriber in self._subscribers)

    def join(self) -> Subscriber:
        subscriber = Subscriber(self)
        self._subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    async def run(self) -> None:
        """Wake the subscribers that follow what changed, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            dirty, self._dirty = self._dirty, set()
            for subscriber in self._subscribers:
                if any(subscriber.follows(topic) for topic in dirty):
                    subscriber.wake.set()
            await self._clock.sleep(FRAME_S)
