"""The line of calls that wait for an instance with a free slot: first come, first served. Pure.

A slot that becomes free belongs to the first in the line at once, before a newcomer can take it; so there is a line only
while everybody is full.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

W = TypeVar("W")


class Line(Generic[W]):
    def __init__(self) -> None:
        self._waiting: OrderedDict[W, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, waiter: W, limit: int) -> bool:
        """Take the last place, unless `limit` wait already."""
        if len(self._waiting) >= limit:
            return False
        self._waiting[waiter] = None
        return True

    def first(self) -> W | None:
        return next(iter(self._waiting), None)

    def leave(self, waiter: W) -> None:
        """Served, or tired of it; may be gone already."""
        self._waiting.pop(waiter, None)
