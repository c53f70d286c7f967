"""How many repetitions a service's callers can afford: retries must not turn a small failure into a large one. Pure."""

from typing import Final

from embedded_services.contracts import gateway
from embedded_services.contracts.settings import RetryPolicy
from embedded_services.upstream.recent_counts import RecentCounts

SPAN_S: Final = 10


class RetryBudget:
    """`now` is monotonic. `refused` is a total."""

    __slots__ = ("_counts", "called", "refused")

    def __init__(self) -> None:
        self._counts = RecentCounts(SPAN_S)
        self.called = self._counts.add
        """`called(now)`: a call begins."""
        self.refused = 0

    def take(self, now: float, policy: RetryPolicy) -> bool:
        """One repetition, if it can be afforded."""
        self._counts.expire(now)
        if self._counts.marked >= self._allowed(policy):
            self.refused += 1
            return False
        self._counts.mark(now)
        return True

    def read(self, now: float, policy: RetryPolicy) -> gateway.RetryBudget:
        self._counts.expire(now)
        return gateway.RetryBudget(
            calls=self._counts.all,
            used=self._counts.marked,
            allowed=self._allowed(policy),
            refused=self.refused,
        )

    def _allowed(self, policy: RetryPolicy) -> int:
        return max(self._counts.all * policy.budget_percent // 100, policy.budget_floor_per_s * SPAN_S)
