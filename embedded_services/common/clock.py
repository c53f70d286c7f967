"""Time, injected: nothing else in the system reads a clock or sleeps by itself."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, for people and for the wire."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run back, for durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Reading it is as cheap as reading the system's clocks: they are its methods."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def iso_utc(at: float) -> str:
    """A time of the epoch's as ISO 8601, to the millisecond: `2026-01-31T12:00:00.000Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
