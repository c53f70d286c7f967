"""Which faults act on what: each marks the narrowest that it is aimed at, as long as it is in force."""

from typing import Any

import msgspec
import pytest

from app.core.fault_marks import StepFault, marks, queue_marks, step_faults
from embedded_services.contracts.faults import Affected, Fault, FaultScope, FaultState, FaultTarget, Proof
from embedded_services.contracts.queues import QueueState
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


def queue(name: str, *bound: str) -> QueueState:
    return QueueState(
        name=name, type="classic", durable=True, ready=0, unacked=0, consumers=1, bound=list(bound) or None
    )


QUEUES = [
    queue("order.events", "payment.*"),
    queue("notification.events", "order.#", "payment.completed"),
    queue("notification.deliveries", "notification.send"),
    queue("order.events.retry.500"),
    queue("order.events.dead"),
    queue("faultdeck.tap", "#"),
]


@pytest.mark.parametrize(
    ("target", "marked"),
    [
        ({"queue": "order.events"}, {"order.events"}),
        ({"service": "notification"}, {"notification.events", "notification.deliveries"}),
        ({"service": "notification", "event": "payment.completed"}, {"notification.events"}),
        ({"event": "payment.failed"}, {"order.events"}),
        ({"event": "payment.*"}, {"order.events", "notification.events"}),
        ({"event": "order.created"}, {"notification.events"}),
        ({"event": "#"}, {"order.events", "notification.events", "notification.deliveries"}),
        ({"event": "cart.emptied"}, set()),
    ],
)
def test_queues_are_marked_whose_messages_it_acts_on(target: dict[str, str], marked: set[str]) -> None:
    assert queue_marks([fault("handler-failure", target)], QUEUES).keys() == marked


def test_what_acts_elsewhere_marks_no_queue() -> None:
    others = [fault("publish-failure", {"service": "order"}), fault("abort", {"service": "order"})]
    over = fault("delay", {"queue": "order.events"}, FaultState.EXPIRED)
    assert not queue_marks([*others, over], QUEUES)


def test_step_is_hit_on_the_way_that_the_kind_acts_on() -> None:
    pay = {"saga": "order-processing", "step": "process-payment"}
    hit = Proof(last=[Affected(at=2.0, request_id="saga_1", trace_id="t")])
    faults = [
        msgspec.structs.replace(fault("fail-step", pay), proof=hit),
        fault("reply-lost", {"step": "create-order"}, undoing=True),
        fault("fail-compensation", pay),
        fault("fail-step", pay, FaultState.REMOVED),
        fault("abort", {"service": "order"}),
    ]
    assert step_faults(faults) == (
        StepFault("fail-step", "process-payment", "order-processing", False, frozenset({"saga_1"})),
        StepFault("reply-lost", "create-order", None, True, frozenset()),
        StepFault("fail-compensation", "process-payment", "order-processing", True, frozenset()),
    )
