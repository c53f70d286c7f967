"""What all callers together saw of each instance: sums over what each of them reports of itself.

A caller's counters begin at zero in each of its incarnations; what an earlier one counted is kept, so that a
restarted gateway does not make an instance's requests vanish. What a dead caller had in flight is not in flight.
"""

from dataclasses import dataclass, field

from embedded_services.contracts.agent import CallStats
from embedded_services.contracts.instances import Latency


@dataclass(frozen=True)
class Calls:
    in_flight: int = 0
    requests: int = 0
    failures: int = 0
    latency_ms: Latency = field(default_factory=Latency)


class CallBook:
    def __init__(self) -> None:
        self._now: dict[str, dict[str, CallStats]] = {}
        self._before: dict[str, Calls] = {}

    def report(self, caller: str, calls: dict[str, CallStats]) -> None:
        """`calls` holds what changed since `caller`'s last report, as totals since it was started."""
        for instance, stats in calls.items():
            self._now.setdefault(instance, {})[caller] = stats

    def caller_ended(self, caller: str) -> list[str]:
        """Keep what it counted. Returns the instances it had called."""
        touched = []
        for instance, callers in self._now.items():
            stats = callers.pop(caller, None)
            if stats is not None:
                past = self._before.get(instance, Calls())
                self._before[instance] = Calls(
                    requests=past.requests + stats.requests, failures=past.failures + stats.failures
                )
                touched.append(instance)
        return touched

    def forget(self, instance: str) -> None:
        self._now.pop(instance, None)
        self._before.pop(instance, None)

    def of(self, instance: str) -> Calls:
        """Percentiles of different callers do not add up: those of the busiest caller stand for all."""
        callers = list(self._now.get(instance, {}).values())
        past = self._before.get(instance, Calls())
        busiest = max(callers, key=lambda stats: stats.requests, default=None)
        return Calls(
            in_flight=sum(stats.in_flight for stats in callers),
            requests=past.requests + sum(stats.requests for stats in callers),
            failures=past.failures + sum(stats.failures for stats in callers),
            latency_ms=busiest.latency_ms if busiest else Latency(),
        )
