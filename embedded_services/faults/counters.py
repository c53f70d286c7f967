"""What one process counts of one fault. Pure: totals since the process was started, told whenever they changed."""

from collections import deque
from typing import Final

from embedded_services.contracts.faults import LAST, Affected, FaultCounts
from embedded_services.contracts.instances import Latency

SAMPLES: Final = 512
"""Added times, the newest, of which the percentiles are told."""


class Counter:
    __slots__ = (
        "_added",
        "client_failures",
        "client_requests",
        "connections",
        "eligible",
        "fault",
        "injected",
        "last",
        "told",
    )

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.eligible = 0
        self.injected = 0
        self.connections = 0
        """Those a fate was drawn for."""
        self.client_requests = 0
        self.client_failures = 0
        self.last: deque[Affected] = deque(maxlen=LAST)
        self._added: deque[float] = deque(maxlen=SAMPLES)
        self.told = True

    def seen(self, added_s: float, *, failed: bool) -> None:
        """A client's request is over in which the fault was injected."""
        self.client_requests += 1
        self.client_failures += failed
        self._added.append(added_s)

    def counts(self) -> FaultCounts:
        return FaultCounts(
            id=self.fault,
            eligible=self.eligible,
            injected=self.injected,
            client_requests=self.client_requests,
            client_failures=self.client_failures,
            added_ms=_percentiles(sorted(self._added)) if self._added else None,
            last=list(reversed(self.last)),
        )


def _percentiles(ordered: list[float]) -> Latency:
    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)

    return Latency(p50=at(0.5), p99=at(0.99))
