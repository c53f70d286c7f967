"""The journal of status changes: bounded, numbered without gaps, so that a reader knows what it missed."""

from collections import deque

from embedded_services.contracts.instances import Change

CAPACITY = 5_000


class Journal:
    """Numbers start at 1. What is older than the newest `CAPACITY` changes is dropped, and its numbers tell so."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._changes: deque[Change] = deque(maxlen=capacity)
        self._last = 0

    @property
    def last_seq(self) -> int:
        return self._last

    def next_seq(self) -> int:
        return self._last + 1

    def append(self, change: Change) -> None:
        self._last = change.seq
        self._changes.append(change)

    def after(self, seq: int, limit: int) -> list[Change]:
        """At most `limit` changes with a number above `seq`, oldest first."""
        if seq >= self._last or not self._changes:
            return []
        skip = max(0, seq - self._changes[0].seq + 1)
        return [self._changes[i] for i in range(skip, min(len(self._changes), skip + limit))]
