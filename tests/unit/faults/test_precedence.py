from dataclasses import dataclass

import pytest

from embedded_services.contracts.faults import FaultTarget
from embedded_services.faults.precedence import contradiction, in_order

EVERYTHING = FaultTarget()


@dataclass(frozen=True)
class One:
    kind: str
    armed_at: float = 0.0
    id: str = ""
    target: FaultTarget = EVERYTHING
    stays_down: bool = False


def test_faults_that_meet_act_in_their_order_whatever_was_armed_first() -> None:
    kinds = ["malformed-body", "abort", "latency", "truncate-body", "drop-connection", "bandwidth"]
    armed = [One(kind, armed_at=number) for number, kind in enumerate(kinds)]
    assert [one.kind for one in in_order(armed)] == [
        "latency", "drop-connection", "abort", "bandwidth", "truncate-body", "malformed-body",
    ]  # fmt: skip


def test_of_the_same_kind_the_one_armed_first_acts_first() -> None:
    later, sooner = One("abort", 2.0, "f_a"), One("abort", 1.0, "f_b")
    assert in_order([later, sooner]) == [sooner, later]


def at(kind: str, target: FaultTarget, *, stays_down: bool = False) -> One:
    return One(kind, target=target, stays_down=stays_down)


ORDER, ORDER_1 = FaultTarget(service="order"), FaultTarget(service="order", instance="order-1")
ORDER_2 = FaultTarget(service="order", instance="order-2")


@pytest.mark.parametrize(
    ("wanted", "present"),
    [
        (at("false-alarm", ORDER_1), at("lying-health", ORDER)),
        (at("lying-health", ORDER), at("false-alarm", ORDER_1)),
        (at("freeze", ORDER_1), at("kill", ORDER_1, stays_down=True)),
        (at("kill", ORDER_1, stays_down=True), at("freeze", ORDER_1)),
        (at("freeze", ORDER_1), at("terminate", ORDER_1, stays_down=True)),
        (at("crash-loop", ORDER_1), at("freeze", ORDER_1)),
        (at("crash-loop", ORDER_1), at("crash-loop", ORDER_1)),
        (at("freeze", ORDER_1), at("freeze", ORDER_1)),
        (at("kill", ORDER_1, stays_down=True), at("terminate", ORDER_1, stays_down=True)),
    ],
)
def test_what_cannot_both_be_is_a_contradiction(wanted: One, present: One) -> None:
    assert contradiction(wanted, present)


@pytest.mark.parametrize(
    ("wanted", "present"),
    [
        (at("false-alarm", ORDER_2), at("lying-health", ORDER_1)),
        (at("freeze", ORDER_2), at("freeze", ORDER_1)),
        (at("kill", ORDER_1), at("freeze", ORDER_1)),
        (at("latency", ORDER), at("latency", ORDER)),
        (at("abort", ORDER), at("truncate-body", ORDER)),
        (at("latency", ORDER), at("freeze", ORDER_1)),
    ],
)
def test_what_merely_adds_up_is_none(wanted: One, present: One) -> None:
    assert contradiction(wanted, present) is None
