"""Lets requests be sent when they are due, whatever became of those before.

After a moment in which this process itself was held up, what came due meanwhile is sent at once, in portions between which
answers are read; what is overdue by more than `TOO_LATE_S` (the process was frozen, the machine asleep) is not.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.common.platform import FineTimer
from embedded_services.contracts.traffic import Arrivals, TrafficPlan
from embedded_services.traffic.schedule import NEVER, Curve, due_times

TOO_LATE_S: Final = 2.0
PORTION: Final = 64


class Pacer:
    """`arrive` is called with the time at which a request was due and with the time that it is; `over` once when none will be
    due any more. All times are monotonic."""

    def __init__(
        self, clock: Clock, arrive: Callable[[float, float], None], over: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._arrive = arrive
        self._over = over
        self._timer = FineTimer(asyncio.get_running_loop(), self._tick)
        self._curve = Curve(1.0)
        self._times: Iterator[float] = iter(())
        self._start = 0.0
        self._until = NEVER
        self._next = NEVER
        self._running = False

    def asked(self, now: float) -> float:
        """The rate that is asked for."""
        return self._curve.rate(now - self._start) if self._running and now < self._until else 0.0

    def begin(self, plan: TrafficPlan, until: float) -> None:
        """From now on by this plan, and not beyond `until`. What an earlier one left due is sent first."""
        now = self._clock.monotonic()
        progress = 1.0
        if self._running:
            while self._next <= now:
                self._take(now)
            if self._next < NEVER and plan.arrivals is Arrivals.CONSTANT:
                progress = 1.0 - (self._next - now) * self.asked(now)
        self._running = True
        self._start = now
        self._until = until
        self._curve = Curve(plan.rate, plan.steps)
        self._times = due_times(self._curve, plan.arrivals, plan.seed, progress)
        self._advance()
        self._tick()

    def end_at(self, until: float) -> None:
        """Put the end off, or bring it forward."""
        self._until = until
        if self._running:
            self._tick()

    def stop(self) -> None:
        self._running = False
        self._next = NEVER
        self._timer.clear()

    def close(self) -> None:
        self.stop()
        self._timer.close()

    def _tick(self) -> None:
        if not self._running:
            return
        now = self._clock.monotonic()
        for _ in range(PORTION):
            if self._next >= self._until:
                self._wait_for_end(now)
                return
            if self._next > now:
                break
            self._take(now)
        if self._next < NEVER:
            self._timer.set(self._next)

    def _wait_for_end(self, now: float) -> None:
        if self._until == NEVER:
            return  # a plan that ends in a pause goes on being one
        if now < self._until:
            self._timer.set(self._until)
        else:
            self.stop()
            self._over()

    def _take(self, now: float) -> None:
        due = self._next
        self._advance()
        self._arrive(due, now)

    def _advance(self) -> None:
        self._next = self._start + next(self._times, NEVER)
