"""How many requests were allowed and limited in each of the last seconds, from totals that only grow. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.gateway import LimitTotals

SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Second:
    """What was decided in one second, which ended `at` (seconds since the epoch)."""

    at: float
    allowed: int
    limited: int


class LimitSeries:
    """One entry a second, oldest first; None where nothing is known."""

    def __init__(self) -> None:
        self._seconds: deque[Second | None] = deque([None] * SECONDS, maxlen=SECONDS)
        self._before: LimitTotals | None = None

    def sample(self, at: float, totals: LimitTotals) -> None:
        """To be called once a second. Totals that fell are those of a gateway that began anew."""
        before = self._before
        self._before = totals
        if before is None:
            self._seconds.append(None)
            return
        if totals.allowed < before.allowed or totals.limited < before.limited:
            allowed, limited = totals.allowed, totals.limited
        else:
            allowed, limited = totals.allowed - before.allowed, totals.limited - before.limited
        self._seconds.append(Second(at, allowed, limited))

    def skip(self) -> None:
        """A second of which nothing is known."""
        self._before = None
        self._seconds.append(None)

    @property
    def seconds(self) -> tuple[Second | None, ...]:
        return tuple(self._seconds)
