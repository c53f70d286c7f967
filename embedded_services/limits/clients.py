"""Who was seen lately and what became of their requests: the newest `capacity` clients, and totals of all.

Counting one request costs well under a microsecond: a dictionary in order of recency, and whole numbers. What counts
against a client is the limiter's to know; this is what it did. Pure: no clock, times are what the caller says.
"""

from collections import OrderedDict
from itertools import islice
from typing import Final

CAPACITY: Final = 10_000


class Client:
    """`serial` is the number of its newest request among all that were counted: later is higher. `limited_at` is when it
    was last refused."""

    __slots__ = ("allowed", "limited", "limited_at", "seen_at", "serial")

    def __init__(self) -> None:
        self.serial = 0
        self.allowed = 0
        self.limited = 0
        self.seen_at = 0.0
        self.limited_at: float | None = None


class Clients:
    """`requests` counts all that were ever decided, `limited` those of them that were refused."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[str, Client] = OrderedDict()
        self.requests = 0
        self.limited = 0

    def count(self, key: str, allowed: bool, now: float) -> None:
        """One request was decided."""
        self.requests = serial = self.requests + 1
        try:
            client = self._seen[key]
            self._seen.move_to_end(key)
        except KeyError:
            client = self._meet(key)
        client.serial = serial
        client.seen_at = now
        if allowed:
            client.allowed += 1
        else:
            client.limited += 1
            client.limited_at = now
            self.limited += 1

    def _meet(self, key: str) -> Client:
        if len(self._seen) >= self._capacity:
            self._seen.popitem(last=False)
        client = self._seen[key] = Client()
        return client

    @property
    def allowed(self) -> int:
        return self.requests - self.limited

    def newest(self, count: int) -> list[tuple[str, Client]]:
        """Those seen last, newest first."""
        return [(key, self._seen[key]) for key in islice(reversed(self._seen), count)]

    def forget_all(self) -> None:
        """Clients are told apart in another way from now on; totals go on."""
        self._seen.clear()

    def __contains__(self, key: str) -> bool:
        return key in self._seen

    def __len__(self) -> int:
        return len(self._seen)
