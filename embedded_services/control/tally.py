"""How much of what a process counts has been told.

A process tells of what happened in it a few at a time, with how many there were since it started; what it could not keep
is missing. A restarted one counts from zero, and what its predecessor told stays.
"""

from collections.abc import Sequence
from typing import TypeVar

from embedded_services.common.ring import Ring

T = TypeVar("T")


class Tally:
    """Of one process and one kind of thing."""

    def __init__(self) -> None:
        self._incarnation = 0
        self._seen = 0

    def put(self, ring: Ring[T], incarnation: int, items: Sequence[T], total: int) -> bool:
        """`items` are the newest of `total`, which is 0 when the word is not about them. They go into the ring; the missing
        ones use up their numbers. Whether there was anything new."""
        if not total and not items:
            return False
        if incarnation != self._incarnation:
            self._incarnation, self._seen = incarnation, 0
        fresh = max(total - self._seen, len(items))
        self._seen += fresh
        ring.pass_over(fresh - len(items))
        for item in items:
            ring.append(item)
        return fresh > 0
