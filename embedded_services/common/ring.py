"""A bounded list of numbered entries: a reader who comes too late knows how many it missed."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Window(Generic[T]):
    """The entries numbered `from_seq` to `to_seq` that are still held and asked for; `skipped` of them are not."""

    from_seq: int
    to_seq: int
    items: list[T]
    skipped: int


class Ring(Generic[T]):
    """Numbers start at 1. Beyond `capacity` the oldest entries go; their numbers are never used again."""

    def __init__(self, capacity: int) -> None:
        self._entries: deque[tuple[int, T]] = deque(maxlen=capacity)
        self._last = 0

    @property
    def last_seq(self) -> int:
        return self._last

    @property
    def next_seq(self) -> int:
        return self._last + 1

    def append(self, item: T) -> int:
        """Returns the number of the new entry."""
        self._last += 1
        self._entries.append((self._last, item))
        return self._last

    def pass_over(self, count: int) -> None:
        """Use up numbers for entries that were never held, so that they count as missed."""
        self._last += max(0, count)

    def newest_after(self, seq: int, limit: int) -> Window[T]:
        """What came after `seq`, oldest first; of more than `limit` the newest."""
        newer: list[T] = []
        for number, item in reversed(self._entries):
            if number <= seq or len(newer) == limit:
                break
            newer.append(item)
        newer.reverse()
        return Window(seq + 1, self._last, newer, max(0, self._last - seq) - len(newer))

    def before(
        self, seq: int | None, limit: int, wanted: Callable[[T], bool] = lambda _: True
    ) -> list[tuple[int, T]]:
        """At most `limit` numbered entries that are wanted and older than `seq` (None: of all), newest first."""
        older = (
            entry for entry in reversed(self._entries) if (seq is None or entry[0] < seq) and wanted(entry[1])
        )
        return list(islice(older, limit))
