from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.faults import ArmedFault, FaultLayer, Faults, FaultScope, FaultTarget
from embedded_services.faults import touched
from embedded_services.faults.armed import KEPT, LocalFaults
from embedded_services.faults.params import HandlerFailure
from tests.helpers.clock import FakeClock


def armed(
    fault: str = "f_a",
    kind: str = "abort",
    *,
    target: FaultTarget | None = None,
    probability: float = 1.0,
    scope: FaultScope = FaultScope.REQUEST,
    seed: int = 1,
    ttl: float = 60.0,
    armed_at: float = 5_000.0,
    **params: Any,
) -> ArmedFault:
    return ArmedFault(
        id=fault,
        kind=kind,
        target=target or FaultTarget(service="order"),
        params=params,
        probability=probability,
        scope=scope,
        seed=seed,
        armed_at=armed_at,
        deadline=armed_at + ttl,
    )


class Process:
    def __init__(self, slot: str = "order-1", service: str = "order") -> None:
        self.clock = FakeClock()
        self.faults = LocalFaults(slot, service, self.clock.monotonic, self.clock.now)
        self.woken = 0
        self.faults.wake = self._wake
        self._revision = 0

    def _wake(self) -> None:
        self.woken += 1

    def arm(self, *faults: ArmedFault) -> None:
        self._revision += 1
        self.faults.snapshot(Faults(revision=self._revision, items=list(faults)))

    def asks(self, times: int, kind: str = "handler-failure") -> list[bool]:
        return [self.faults.ask(kind) is not None for _ in range(times)]


def test_nothing_is_armed_at_first() -> None:
    process = Process()
    assert not process.faults.any
    assert process.faults.ask("handler-failure", queue="order.events") is None
    assert process.faults.counts() == []


def test_to_ask_is_to_decide_and_to_count() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure", sticky=False))
    hit = process.faults.ask("handler-failure", event="payment.completed")
    assert hit is not None
    assert hit.fault == "f_a"
    assert hit.params == HandlerFailure(sticky=False)
    (counts,) = process.faults.counts()
    assert (counts.id, counts.eligible, counts.injected) == ("f_a", 1, 1)
    assert process.faults.counts() == []


def test_what_it_is_not_aimed_at_is_not_eligible() -> None:
    process = Process("payment-1", "payment")
    process.arm(armed(kind="handler-failure"))
    assert process.asks(3) == [False] * 3
    assert process.faults.counts() == []


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_never_is_never_and_always_is_always(probability: float) -> None:
    process = Process()
    process.arm(armed(kind="handler-failure", probability=probability))
    assert set(process.asks(2_000)) == {probability == 1.0}
    (counts,) = process.faults.counts()
    assert (counts.eligible, counts.injected) == (2_000, 2_000 * probability)


@given(st.integers(0, (1 << 32) - 1), st.floats(0, 1), st.integers(1, 200))
def test_the_same_seed_and_order_give_the_same_decisions(seed: int, probability: float, times: int) -> None:
    def run() -> list[bool]:
        process = Process()
        process.arm(armed(kind="handler-failure", seed=seed, probability=probability))
        return process.asks(times)

    assert run() == run()


def test_it_ends_by_the_clock_though_nobody_says_so() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure", ttl=60))
    process.clock.pass_time(59.999)
    assert process.asks(1) == [True]
    process.clock.pass_time(0.001)
    assert process.asks(2) == [False, False]
    (counts,) = process.faults.counts()
    assert counts.eligible == 1


def test_a_snapshot_takes_the_place_of_the_one_before() -> None:
    process = Process()
    heard: list[bool] = []
    process.faults.on_change(lambda: heard.append(process.faults.any))
    process.arm(armed("f_a", "handler-failure"))
    process.arm()
    assert heard == [True, False]
    assert process.asks(1) == [False]


def test_an_older_snapshot_is_no_news() -> None:
    process = Process()
    process.arm(armed("f_a", "handler-failure"))
    process.faults.snapshot(Faults(revision=0, items=[]))
    assert process.asks(1) == [True]


def test_one_that_is_extended_goes_on_counting() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure", ttl=10))
    process.asks(3)
    process.arm(armed(kind="handler-failure", ttl=100))
    process.clock.pass_time(50)
    assert process.asks(2) == [True, True]
    (counts,) = process.faults.counts()
    assert counts.injected == 5


def test_times_bounds_how_often_it_strikes() -> None:
    process = Process("orchestrator", "")
    target = FaultTarget(step="process-payment")
    process.arm(armed(kind="fail-step", target=target, times=2))
    asked = [process.faults.ask("fail-step", step="process-payment") is not None for _ in range(4)]
    assert asked == [True, True, False, False]


def test_the_request_being_answered_is_the_affected_one() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure"))
    touches = touched.begin("r1", f"00-{'a' * 32}-{'b' * 16}-01")
    try:
        hit = process.faults.ask("handler-failure")
        assert hit is not None
        hit.added(0.5)
    finally:
        touched.end()
    assert touches.faults == {"f_a": 0.5}
    (counts,) = process.faults.counts()
    (one,) = counts.last
    assert (one.request_id, one.trace_id, one.where) == ("r1", "a" * 32, "order-1")


def test_a_request_that_is_affected_twice_is_named_once() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure"))
    for message in ("m1", "m1", "m2"):
        hit = process.faults.ask("handler-failure")
        assert hit is not None
        hit.affected(message, "")
    (counts,) = process.faults.counts()
    assert [one.request_id for one in counts.last] == ["m2", "m1"]


def test_what_nobody_could_look_up_is_not_named() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure"))
    touched.begin()
    try:
        assert process.faults.ask("handler-failure") is not None
    finally:
        touched.end()
    (counts,) = process.faults.counts()
    assert (counts.injected, counts.last) == (1, [])


def test_one_that_is_named_after_its_counts_were_told_is_told_too() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure"))
    process.asks(1)
    process.faults.counts()
    (held,) = process.faults.acting("handler-failure")
    process.faults.note_affected(held, "r1", "a" * 32)
    (counts,) = process.faults.counts()
    assert [one.request_id for one in counts.last] == ["r1"]


def test_whoever_sends_counts_is_woken_once_until_it_asks() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure"))
    process.asks(5)
    assert process.woken == 1
    process.faults.counts()
    process.asks(1)
    assert process.woken == 2


def test_counts_are_told_again_when_they_may_be_lost() -> None:
    process = Process()
    process.arm(armed(kind="handler-failure"))
    process.asks(3)
    process.faults.counts()
    process.faults.tell_again()
    (counts,) = process.faults.counts()
    assert counts.injected == 3


def test_a_connection_keeps_its_fate() -> None:
    process = Process("gateway", "")
    process.arm(armed(probability=0.5, scope=FaultScope.CONNECTION, seed=3))
    (held,) = process.faults.of_layer(FaultLayer.EDGE)
    connections: list[dict[str, bool]] = [{} for _ in range(40)]
    now = process.clock.monotonic()
    rounds = [[held.decide_for(fates, now) for fates in connections] for _ in range(3)]
    assert rounds[0] == rounds[1] == rounds[2]
    assert len(set(rounds[0])) == 2
    (counts,) = process.faults.counts()
    assert (counts.eligible, counts.injected) == (120, 3 * sum(rounds[0]))


def test_faults_of_one_layer_come_in_the_order_in_which_they_act() -> None:
    process = Process("gateway", "")
    process.arm(armed("f_a", "abort"), armed("f_b", "handler-failure"), armed("f_c", "latency"))
    assert [held.id for held in process.faults.of_layer(FaultLayer.EDGE)] == ["f_c", "f_a"]


def test_a_caller_that_is_not_meant_holds_nothing() -> None:
    aimed = armed(target=FaultTarget(service="order", process="orchestrator"))
    gateway, orchestrator = Process("gateway", ""), Process("orchestrator", "")
    gateway.arm(aimed)
    orchestrator.arm(aimed)
    assert gateway.faults.of_layer(FaultLayer.EDGE) == []
    assert len(orchestrator.faults.of_layer(FaultLayer.EDGE)) == 1


def test_a_ramp_lets_the_added_time_grow() -> None:
    process = Process("gateway", "")
    process.arm(armed(kind="latency", ms=1000, rampS=10))
    (held,) = process.faults.of_layer(FaultLayer.EDGE)
    process.clock.pass_time(5)
    assert held.decide(process.clock.monotonic())
    assert held.drawn_delay_s() == pytest.approx(0.5)


def test_a_ramp_lets_the_share_grow_of_a_kind_that_adds_no_time() -> None:
    process = Process("gateway", "")
    process.arm(armed(rampS=10))
    (held,) = process.faults.of_layer(FaultLayer.EDGE)
    process.clock.pass_time(2)
    struck = sum(held.decide(process.clock.monotonic()) for _ in range(1000))
    assert 150 < struck < 250


def test_what_clients_saw_is_counted_also_of_a_fault_that_has_ended() -> None:
    process = Process("gateway", "")
    process.arm(armed())
    touches = touched.Touches()
    touches.add("f_a", 0.25)
    touches.add("f_unknown", 1.0)
    process.arm()
    process.faults.client_saw(touches, failed=True)
    (counts,) = process.faults.counts()
    assert (counts.id, counts.client_requests, counts.client_failures) == ("f_a", 1, 1)


def test_a_spoilt_answer_counts_as_a_failure() -> None:
    process = Process("gateway", "")
    process.arm(armed(kind="malformed-body"))
    touches = touched.Touches()
    touches.add("f_a", ruined=True)
    process.faults.client_saw(touches, failed=False)
    assert process.faults.counts()[0].client_failures == 1


def test_faults_that_come_and_go_leave_little_behind() -> None:
    process = Process("gateway", "")
    for number in range(3 * KEPT):
        process.arm(armed(f"f_{number}"))
        (held,) = process.faults.of_layer(FaultLayer.EDGE)
        held.decide(process.clock.monotonic())
        process.faults.counts()
    process.faults.tell_again()
    assert len(process.faults.counts()) <= KEPT
