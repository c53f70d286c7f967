"""The stream hub: turns "something changed" into snapshots and deltas, at most twenty times a second.

It knows topics, not what is in them. State topics are dictionaries of rows; the hub compares them with what it sent
last. Event topics are rings. A subscriber that does not keep up is never waited for: it gets the newest snapshot
when it reads again, and is told how many events it missed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.ring import Window
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.stream import Delta, Events, Snapshot

FRAME_S = 0.05
SOON_S = 0.5
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
        self._seen: dict[str, int] = {}
        """Which of the changes of each topic was looked at last."""
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
        states = [topic for topic in self._topics if topic in self._hub.states]
        if self._fresh:
            self._fresh = False
            self._rev += 1
            self._told = {topic: self._look(topic) for topic in states}
            frames.append(Snapshot(rev=self._rev, state=self._told))
        else:
            news = {topic: self._look(topic) for topic in states if self._is_news(topic)}
            delta = self._difference(news)
            if delta is not None:
                frames.append(delta)
            self._told = {**self._told, **news}
        frames.extend(self._events())
        return frames

    def _is_news(self, topic: str) -> bool:
        """Most of what is followed has not changed, and looking at it takes longer than telling what has."""
        return self._hub.changes[topic] != self._seen.get(topic)

    def _look(self, topic: str) -> dict[str, Any]:
        self._seen[topic] = self._hub.changes[topic]
        return dict(self._hub.states[topic]())

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
        self._later: asyncio.TimerHandle | None = None
        self.changes: Counter[str] = Counter()
        """How often each topic was said to have changed: what is not said is not seen."""

    def offer(self, states: Mapping[str, Callable[[], Rows]], rings: Mapping[str, Told]) -> None:
        """Topics besides those that there are."""
        self.states.update(states)
        self.rings.update(rings)

    def changed(self, *topics: str) -> None:
        """Cheap: any number of changes within a frame cost one comparison, and none where nobody looks."""
        self._mark(topics)
        self._wake.set()

    def noted(self, *topics: str) -> None:
        """The same for what nobody waits for, though it is to be known soon: told with the next news, or within `SOON_S`."""
        self._mark(topics)
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(SOON_S, self._wake.set)

    def _mark(self, topics: tuple[str, ...]) -> None:
        self._dirty.update(topics)
        self.changes.update(topics)

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
            if self._later is not None:
                self._later.cancel()
                self._later = None
            dirty, self._dirty = self._dirty, set()
            for subscriber in self._subscribers:
                if any(subscriber.follows(topic) for topic in dirty):
                    subscriber.wake.set()
            await self._clock.sleep(FRAME_S)
