"""How slow an instance lately was: a moving average that follows a rise at once and forgets it by and by. Pure."""

import math
from typing import Final

DECAY_S: Final = 5.0
"""What was seen so long ago counts a third."""

FAILED_S: Final = 0.1
"""What a try that failed counts as, if it did not even take that long."""


class PeakEwma:
    """Seconds. A value that nobody renews sinks to zero, so that an instance that was slow once is tried again."""

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = -1.0
        self._at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        before = self._value
        if before < 0.0:
            self._value = seconds
        else:
            kept = math.exp((self._at - now) / DECAY_S)
            decayed = before * kept
            self._value = seconds if seconds > decayed else decayed + seconds * (1.0 - kept)
        self._at = now

    def at_least(self, seconds: float, now: float) -> None:
        """Nothing has come yet, and it takes longer already."""
        current = self.read(now)
        if current is None or seconds > current:
            self._value, self._at = seconds, now

    def failed(self, seconds: float, now: float) -> None:
        """It gave no answer. Being quick at that must not draw more calls."""
        self.at_least(max(seconds, FAILED_S), now)

    def read(self, now: float) -> float | None:
        """None before the first observation."""
        return self._value * math.exp((self._at - now) / DECAY_S) if self._value >= 0.0 else None
