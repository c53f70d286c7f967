"""Which faults act on what: each marks the narrowest that it is aimed at, as long as it is in force."""

from typing import Any

import pytest

from app.core.fault_marks import marks
from embedded_services.contracts.faults import Fault, FaultScope, FaultState, FaultTarget
from tests.helpers.child import demo_settings


def fault(kind: str, target: dict[str, str], state: FaultState = FaultState.ACTIVE, **params: Any) -> Fault:
    return Fault(
        id="f", kind=kind, target=FaultTarget(**target), params=params, probability=1.0,
        scope=FaultScope.REQUEST, seed=1, ttl=60, state=state, armed_at=1.0, expires_at=61.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "marked"),
    [
        ({"service": "order"}, ["order"]),
        ({"service": "order", "instance": "order-1"}, ["order-1"]),
        ({"service": "order", "process": "gateway"}, ["order"]),
        ({"process": "broker"}, ["broker"]),
        ({"queue": "order.events"}, ["order.events"]),
        ({"event": "order.*"}, []),
        ({"route": "/api/payments/{id}"}, ["payment"]),
        ({"route": "/payments"}, ["payment"]),
        ({"saga": "order-processing", "step": "process-payment"}, []),
    ],
)
def test_the_narrowest_is_marked(target: dict[str, str], marked: list[str]) -> None:
    assert list(marks([fault("abort", target)], demo_settings())) == marked


def test_what_acts_on_one_thing_is_said_together_and_once() -> None:
    several = [
        fault("abort", {"service": "order"}, status=503),
        fault("abort", {"service": "order"}, status=503),
        fault("freeze", {"instance": "order-1"}),
        fault("latency", {"service": "order"}, distribution="fixed", ms=300),
    ]
    assert marks(several) == {"order": "abort 503 · latency 300 ms", "order-1": "freeze"}


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        (FaultState.PENDING, True),
        (FaultState.ACTIVE, True),
        (FaultState.EXPIRED, False),
        (FaultState.REMOVED, False),
    ],
)
def test_only_what_is_in_force_marks(state: FaultState, acts: bool) -> None:
    assert bool(marks([fault("freeze", {"instance": "order-1"}, state)])) is acts


@pytest.mark.parametrize("kind", ["kill", "terminate", "restart"])
def test_what_was_done_once_marks_only_while_it_keeps_down(kind: str) -> None:
    assert not marks([fault(kind, {"instance": "order-1"})])
    assert marks([fault(kind, {"instance": "order-1"}, stayDown=True)]) == {"order-1": kind}
