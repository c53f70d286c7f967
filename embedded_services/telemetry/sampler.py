"""How many a second are let through, at most: a token bucket in one number. Pure, and one comparison when it is empty."""

import math
from typing import Final

BURST_S: Final = 1.0
"""An unused bucket holds what it gets in this time."""


class Sampler:
    """`take` is true `per_s` times a second, and a second's worth at once after a rest."""

    __slots__ = ("_due", "_every", "per_s")

    def __init__(self, per_s: float) -> None:
        self._due = -math.inf
        self.apply(per_s)

    def apply(self, per_s: float) -> None:
        """Another rate from now on; what was taken still counts, unless nothing was let through until now."""
        self.per_s = per_s
        if per_s <= 0:
            self._every = self._due = math.inf
            return
        self._every = 1 / per_s
        if math.isinf(self._due):
            self._due = -math.inf

    def take(self, now: float) -> bool:
        """`now` is the monotonic clock's."""
        if now < self._due:
            return False
        self._due = max(self._due, now - BURST_S) + self._every
        return True
