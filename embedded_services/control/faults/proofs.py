"""What became of each fault: the counts of all processes together, over all their incarnations. Pure."""

from collections import defaultdict, deque
from collections.abc import Iterable
from heapq import nlargest

from msgspec.structs import replace

from embedded_services.contracts.faults import LAST, Affected, FaultCounts, FaultLayer, Proof
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traffic import TRAFFIC, Cause, TrafficSample
from embedded_services.control.faults.record import Record
from embedded_services.control.slots import BROKER, GATEWAY

SAMPLES = 512
_LOST = (Cause.REFUSED, Cause.RESET, Cause.CLOSED, Cause.TIMEOUT, Cause.UNREACHABLE)
"""What a client sees of a gateway that is not there."""
BY_TRAFFIC = "counted by the traffic alone: a gateway that is away counts nobody"
_UNCOUNTED = {
    GATEWAY: "not counted: a gateway that is away counts nobody, and no traffic ran that could",
    BROKER: "not counted: clients do not wait for the broker; messages wait in the outboxes until it is back",
    ORCHESTRATOR: "not counted: clients do not call the orchestrator; sagas wait until it is back",
    TRAFFIC: "not counted: it is the client",
}


class ProofBook:
    def __init__(self) -> None:
        self._counts: dict[str, dict[tuple[str, int], FaultCounts]] = defaultdict(dict)
        self._deeds: dict[str, Deeds] = {}

    def report(
        self, child: str, incarnation: int, counts: Iterable[FaultCounts], known: Iterable[str]
    ) -> list[str]:
        """Totals since the process was started. Returns the faults of which something changed, of those `known`."""
        wanted = set(known)
        changed = []
        for told in counts:
            if told.id in wanted and self._counts[told.id].get((child, incarnation)) != told:
                self._counts[told.id][child, incarnation] = told
                changed.append(told.id)
        return changed

    def deeds(self, fault: str) -> "Deeds":
        """Of a fault that the control plane carries out itself."""
        return self._deeds.setdefault(fault, Deeds())

    def seen(self, record: Record) -> Proof:
        """As people are told it: where nobody could count the clients, none is claimed to have been well."""
        proof = self.of(record.id)
        why = _uncounted(record)
        if not why:
            return proof
        if record.process == GATEWAY and self.deeds(record.id).traffic_at is not None:
            return replace(proof, clients_note=BY_TRAFFIC)
        return replace(proof, client_requests=None, client_failures=None, clients_note=why)

    def of(self, fault: str) -> Proof:
        counts = list(self._counts.get(fault, {}).values())
        deeds = self._deeds.get(fault) or Deeds()
        added = next((told.added_ms for told in reversed(counts) if told.added_ms is not None), None)
        return Proof(
            eligible=deeds.done + sum(told.eligible for told in counts),
            injected=deeds.done + sum(told.injected for told in counts),
            client_requests=deeds.requests + sum(told.client_requests for told in counts),
            client_failures=deeds.failures + sum(told.client_failures for told in counts),
            added_ms=added or deeds.added_ms(),
            last=_newest([*deeds.last, *(one for told in counts for one in told.last)]),
        )

    def forget(self, fault: str) -> None:
        self._counts.pop(fault, None)
        self._deeds.pop(fault, None)


class Deeds:
    """How often something was done to a process, and what clients noticed of it: requests of which a try on that process
    failed. What such a try took is what it added."""

    def __init__(self) -> None:
        self.done = 0
        self.traffic_at: float | None = None
        """When the last quarter of a second of traffic ended that was taken in, None for none."""
        self.requests = 0
        self.failures = 0
        self.last: deque[Affected] = deque(maxlen=LAST)
        self._added_ms: deque[float] = deque(maxlen=SAMPLES)

    def witness(self, record: RequestRecord, process: str, nobody_left: str = "") -> bool:
        """Take in a request of a client. Whether it had to do with this. `nobody_left` is the service that has no instance in
        rotation, and this process is one of them, empty if there is none: whoever is turned away for that saw it."""
        tries = [
            attempt for attempt in record.attempts if attempt.instance == process and _failed(attempt.outcome)
        ]
        there = record.instance == process
        turned_away = bool(nobody_left) and record.service == nobody_left and record.instance is None
        if not tries and not (record.status >= 500 and (there or turned_away)):
            return False
        self.requests += 1
        self.failures += record.status >= 500
        self._added_ms.append(sum(attempt.took_ms + attempt.waited_ms for attempt in tries) or record.took_ms)
        self.last.append(Affected(at=record.at, request_id=record.id, trace_id=record.trace, where=process))
        return True

    def overhear(self, sample: TrafficSample, *, away: bool) -> bool:
        """Take in what the traffic says, which is a client too, of a gateway that is `away` or has just been. Whether that was
        anything new."""
        if self.traffic_at is not None and sample.at <= self.traffic_at:
            return False
        self.traffic_at = sample.at
        lost = sum(sample.errors.get(cause.value, 0) for cause in _LOST)
        self.requests += max(sample.sent if away else 0, lost)
        self.failures += lost
        return True

    def added_ms(self) -> Latency | None:
        ordered = sorted(self._added_ms)
        if not ordered:
            return None
        return Latency(
            p50=round(ordered[len(ordered) // 2], 1),
            p99=round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        )


def _uncounted(record: Record) -> str:
    """Why the gateway cannot count what its clients see of a fault; empty if it can."""
    if record.kind.layer is FaultLayer.PROCESS:
        return "not counted: it slows whatever its process does"
    if record.kind.layer is not FaultLayer.CONTROL:
        return ""
    return _UNCOUNTED.get(record.process or "", "")


def _failed(outcome: str) -> bool:
    """An outcome is a status, or what went wrong."""
    return not outcome.isdecimal() or int(outcome) >= 500


def _newest(affected: list[Affected]) -> list[Affected]:
    return nlargest(LAST, affected, key=lambda one: one.at)
