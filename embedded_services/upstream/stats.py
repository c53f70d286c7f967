"""What this caller saw of each instance: calls under way, calls made, failures, latency. Pure.

Requests and failures are totals of the slot over all its incarnations; latency starts afresh with each incarnation.
`in_flight` counts from the choice of the instance until the last byte of the response, and is exact also for calls that
are cancelled. A failure is a try without a whole answer, or an answer of 500 and above other than 501; that the caller
gave up is none. `picks` counts how often the instance was chosen.
"""

from typing import Final

from embedded_services.contracts.agent import CallStats, Peer
from embedded_services.contracts.instances import Latency
from embedded_services.upstream.latency import RecentLatency

MAX_LEFT: Final = 256
"""Instances that have left the rotation whose totals are kept, the newest."""


class InstanceStats:
    def __init__(self, instance: str, incarnation: int) -> None:
        self.id = instance
        self.incarnation = incarnation
        self.in_flight = 0
        self.picks = 0
        self.requests = 0
        self.failures = 0
        self.latency = RecentLatency()
        self._changed = True
        self._said = Latency()
        self._reckoned = Latency()
        self._reckoned_at: tuple[float, int, int] | None = None

    def begin(self) -> None:
        self.in_flight += 1
        self.picks += 1
        self._changed = True

    def end(self, *, failed: bool) -> None:
        self.in_flight -= 1
        self.requests += 1
        self.failures += failed
        self._changed = True

    def restarted(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.latency = RecentLatency()
        self._reckoned_at = None
        self._changed = True

    def recent(self, now: float) -> Latency:
        """Latencies of the last ten seconds; reckoned once for all who ask at the same moment."""
        moment = now, self.picks, self.requests
        if moment != self._reckoned_at:
            self._reckoned, self._reckoned_at = self.latency.read(now), moment
        return self._reckoned

    def tell_again(self) -> None:
        """Report it with the next beat, changed or not."""
        self._changed = True

    def delta(self, now: float) -> CallStats | None:
        """What is to be reported; None when nothing changed since it was last asked."""
        if not self._changed and self._said.p50 is None:
            return None
        latency = self.recent(now)
        if not self._changed and latency == self._said:
            return None
        self._changed, self._said = False, latency
        return CallStats(
            incarnation=self.incarnation,
            in_flight=self.in_flight,
            requests=self.requests,
            failures=self.failures,
            latency_ms=latency,
        )


class CallBook:
    """The statistics of all instances that this process has called."""

    def __init__(self) -> None:
        self._instances: dict[str, InstanceStats] = {}
        self._left: dict[str, None] = {}

    def of(self, peer: Peer) -> InstanceStats:
        """The counters of an instance in rotation."""
        stats = self._instances.get(peer.id)
        if stats is None:
            stats = self._instances[peer.id] = InstanceStats(peer.id, peer.incarnation)
        elif stats.incarnation != peer.incarnation:
            stats.restarted(peer.incarnation)
        self._left.pop(peer.id, None)
        return stats

    def leave(self, instance: str) -> None:
        """It is no longer in rotation; its totals are kept for its return, as long as there is room."""
        self._left[instance] = None
        if len(self._left) > MAX_LEFT:
            oldest = next(iter(self._left))
            del self._left[oldest]
            del self._instances[oldest]

    def deltas(self, now: float) -> dict[str, CallStats]:
        """What changed since it was last asked, by instance."""
        return {
            stats.id: delta for stats in self._instances.values() if (delta := stats.delta(now)) is not None
        }

    def tell_again(self) -> None:
        """Report all of it with the next beat: what was said before may be lost."""
        for stats in self._instances.values():
            stats.tell_again()

    def all(self) -> list[InstanceStats]:
        return list(self._instances.values())
