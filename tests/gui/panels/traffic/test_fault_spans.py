from typing import Any

from app.panels.traffic.fault_spans import FaultSpan, shown_in, spans_of
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget


def fault(id_: str, at: float, state: FaultState = FaultState.ACTIVE, **changes: Any) -> Fault:
    given: dict[str, Any] = {
        "id": id_, "kind": "latency", "target": FaultTarget(instance="payment-2"), "params": {}, "probability": 1.0,
        "scope": FaultScope.REQUEST, "seed": 1, "ttl": 60.0, "state": state, "armed_at": at, "expires_at": at + 60,
    }  # fmt: skip
    return Fault(**{**given, **changes})


def test_fault_in_force_has_no_end_yet() -> None:
    assert spans_of([fault("a", 5.0, probability=0.1)]) == [
        FaultSpan("a", "latency payment-2 · 10 %", 5.0, None)
    ]


def test_fault_that_ended_ends_when_it_did() -> None:
    ended = fault("a", 5.0, FaultState.REMOVED, ended_at=9.0)
    expired = fault("b", 6.0, FaultState.EXPIRED)
    assert [span.end for span in spans_of([expired, ended])] == [9.0, 66.0]


def test_fault_that_nobody_carries_out_yet_is_not_shaded() -> None:
    assert spans_of([fault("a", 5.0, FaultState.PENDING)]) == []


def test_only_what_lies_in_the_time_shown_is_shown() -> None:
    spans = [FaultSpan("a", "", 0, 10), FaultSpan("b", "", 20, None), FaultSpan("c", "", 40, 50)]
    assert [span.id for span in shown_in(spans, 15, 30)] == ["b"]
