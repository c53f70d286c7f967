"""A deadline that is moved often and seldom met.

Deadlines mostly move forward. So the timer is left to run and looks at the deadline when it fires: setting one costs no
timer of its own, and a connection that is busy all the time touches the loop's timers a few times a second.

A process that was stopped, or starved, finds many deadlines passed at once, while what it waited for has long come and only
was not read. So a timer that fires much too late gives the loop a moment to read before it is believed.
"""

import asyncio
from collections.abc import Callable
from typing import Final

LATE_S: Final = 0.1
"""A timer that fires so much too late says that the loop was held up."""
_GRACE_S: Final = 0.05


class Deadline:
    __slots__ = ("_at", "_graced", "_loop", "_missed", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, missed: Callable[[], None]) -> None:
        self._loop = loop
        self._missed = missed
        self._at: float | None = None
        self._graced = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def set(self, seconds: float) -> None:
        """Call `missed` in so many seconds, unless that is put off or cleared."""
        self._at = at = self._loop.time() + seconds
        self._graced = False
        if self._timer is None:
            self._schedule(at)
        elif self._timer_at > at:
            self._timer.cancel()
            self._schedule(at)

    def clear(self) -> None:
        self._at = None

    def close(self) -> None:
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._at is None:
            return
        now = self._loop.time()
        if now < self._at:
            self._schedule(self._at)
        elif now > self._at + LATE_S and not self._graced:
            self._graced = True
            self._schedule(now + _GRACE_S)
        else:
            self._at = None
            self._missed()
