"""The circuit breaker of one instance: closed → open → half-open → closed, or open again. Pure.

It belongs to an incarnation, as everything that was learned about a process does. Each change of state begins an epoch;
a call is judged in the epoch in which it was begun, so that those that were under way when the breaker opened say nothing
about the time after it.
"""

from typing import Final

from embedded_services.contracts.gateway import BreakerState
from embedded_services.contracts.settings import BreakerPolicy
from embedded_services.upstream.recent_counts import RecentCounts

UNJUDGED: Final = -1
"""The epoch of calls of which the breaker does not want to hear."""

_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_HALF_OPEN: Final = BreakerState.HALF_OPEN


class Breaker:
    """`now` is monotonic. `until` is when an open one lets the first probe through; `why` says what brought the state about."""

    __slots__ = ("_counts", "_passed", "epoch", "probing", "since", "state", "until", "why")

    def __init__(self, now: float) -> None:
        self.state = _CLOSED
        self.since = now
        self.until = 0.0
        self.epoch = 0
        self.probing = 0
        self.why = ""
        self._passed = 0
        self._counts = RecentCounts(BreakerPolicy().window_s)

    def tune(self, policy: BreakerPolicy, now: float) -> bool:
        """Heed another policy. Whether the state changed: one that is switched off is closed."""
        self._counts.span_s = policy.window_s
        if self.state is _OPEN:
            self.until = self.since + policy.open_s
        if policy.enabled or self.state is _CLOSED:
            return False
        self._move(_CLOSED, now, "it is switched off")
        return True

    def admits(self, policy: BreakerPolicy) -> bool:
        return self.state is _CLOSED or (self.state is _HALF_OPEN and self.probing < policy.probes)

    def begin(self, policy: BreakerPolicy) -> int:
        """A call begins, as a probe if it must. Returns the epoch to judge it in. An open breaker does not hinder it, for
        it may be that everybody is used; but then it is not judged."""
        if self.state is _CLOSED:
            return self.epoch
        if not self.admits(policy):
            return UNJUDGED
        self.probing += 1
        return self.epoch

    def judge(self, epoch: int, now: float, policy: BreakerPolicy, *, failed: bool) -> bool:
        """A call that was begun in `epoch` has ended. Whether that changed what `admits` says."""
        if epoch != self.epoch:
            return False
        if self.state is _CLOSED:
            counts = self._counts
            counts.add(now)
            if failed:
                counts.mark(now)
            if (
                counts.marked
                and counts.all >= policy.minimum_calls
                and counts.marked * 100 >= policy.failure_percent * counts.all
            ):
                why = f"{counts.marked} of {counts.all} calls in {policy.window_s} s failed"
                self._open(now, policy, why)
                return True
            return False
        self.probing -= 1
        if failed:
            self._open(now, policy, "a probe failed")
        else:
            self._passed += 1
            if self._passed >= policy.probes:
                noun = "probe" if self._passed == 1 else "probes"
                self._move(_CLOSED, now, f"{self._passed} {noun} succeeded")
        return True

    def release(self, epoch: int) -> bool:
        """A call ended that says nothing, because its caller gave it up. Whether that changed what `admits` says."""
        if epoch != self.epoch or self.state is not _HALF_OPEN:
            return False
        self.probing -= 1
        return True

    def tick(self, now: float, policy: BreakerPolicy) -> bool:
        """Let time pass. Whether the state changed."""
        if self.state is not _OPEN or now < self.until:
            return False
        self._move(_HALF_OPEN, now, f"{policy.open_s:g} s are over; {policy.probes} at a time may try it")
        return True

    def recent(self, now: float) -> tuple[int, int]:
        """Calls in the policy's window, and how many of them failed."""
        self._counts.expire(now)
        return self._counts.all, self._counts.marked

    def _open(self, now: float, policy: BreakerPolicy, why: str) -> None:
        self._move(_OPEN, now, why)
        self.until = now + policy.open_s

    def _move(self, state: BreakerState, now: float, why: str) -> None:
        if state is _CLOSED:
            self._counts.clear()
        self.state, self.since, self.why = state, now, why
        self.epoch += 1
        self.probing = self._passed = 0
