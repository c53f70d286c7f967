"""A map that forgets by itself, at a cost that does not grow with what it holds.

What was not written for a lifetime may go, and after two it is gone: writes go to the young generation, and once in a
lifetime the young becomes the old one. What falls out is taken apart a few entries at a time, because freeing a million
entries at once would stall the process. At most `capacity` entries are young; when more come within a lifetime, the old
generation goes early and `forgotten` says how many entries that was.
"""

from collections import deque
from typing import Any, Generic, TypeVar

T = TypeVar("T")

REAPED_PER_WRITE = 2


class Generations(Generic[T]):
    """`len` is how many keys are remembered."""

    def __init__(self, lifetime_us: int, now_us: int, capacity: int) -> None:
        self.young: dict[str, T] = {}
        """What was written in this lifetime; to be looked up, and no more."""
        self._old: dict[str, T] = {}
        self._dying: deque[dict[str, Any]] = deque()
        self._lifetime_us = lifetime_us
        self._turn_at = now_us + lifetime_us
        self._capacity = capacity
        self.forgotten = 0

    def get(self, key: str) -> T | None:
        value = self.young.get(key)
        return value if value is not None else self._old.get(key)

    def put(self, key: str, value: T, now_us: int) -> None:
        if now_us >= self._turn_at:
            self.turn(now_us)
        young = self.young
        before = len(young)
        young[key] = value
        if len(young) != before:
            self._arrived(key, now_us)
        if self._dying:
            self.reap(REAPED_PER_WRITE)

    def _arrived(self, key: str, now_us: int) -> None:
        self._old.pop(key, None)
        if len(self.young) >= self._capacity:
            self.forgotten += len(self._old)
            self._turn(now_us)

    def remove(self, key: str) -> bool:
        """Forget one; says whether it was remembered."""
        young, old = self.young.pop(key, None), self._old.pop(key, None)
        return young is not None or old is not None

    def clear(self) -> None:
        """Forget all."""
        self._dying.extend(held for held in (self.young, self._old) if held)
        self.young, self._old = {}, {}

    def bury(self, other: "Generations[Any]") -> None:
        """Forget all of `other` too; it is not to be used any more."""
        other.clear()
        self._dying.extend(other._dying)

    def set_lifetime(self, lifetime_us: int, now_us: int) -> None:
        """From now on; whatever is here stays for a whole new lifetime."""
        self._lifetime_us = lifetime_us
        self._turn_at = now_us + lifetime_us

    def turn(self, now_us: int) -> None:
        """Let the generations pass whose time is up: what nobody writes to must be called now and then."""
        if now_us >= self._turn_at:
            self._turn(now_us)

    def reap(self, count: int) -> None:
        """Free up to `count` entries that are already forgotten."""
        for _ in range(count):
            while self._dying and not self._dying[0]:
                self._dying.popleft()
            if not self._dying:
                return
            self._dying[0].popitem()

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    @property
    def dying(self) -> int:
        """Entries that are forgotten and still take up memory."""
        return sum(map(len, self._dying))

    def _turn(self, now_us: int) -> None:
        if self._old:
            self._dying.append(self._old)
        self._old, self.young = self.young, {}
        self._turn_at = now_us + self._lifetime_us
