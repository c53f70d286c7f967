import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from embedded_services.contracts.gateway import BreakerState, DecisionKind
from embedded_services.contracts.settings import (
    BreakerPolicy,
    CallPolicy,
    ConcurrencyPolicy,
    OutlierPolicy,
    Strategy,
)
from embedded_services.upstream.target import Target
from tests.helpers.service_rig import BREAKER, OFF, OUTLIERS, Rig

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED
BREAKERS = CallPolicy(breaker=BREAKER, outliers=OutlierPolicy(enabled=False))
EJECTION = CallPolicy(breaker=BreakerPolicy(enabled=False), outliers=OUTLIERS)


def test_an_open_breaker_takes_its_instance_out_until_a_probe_succeeds() -> None:
    rig = Rig("a", "b", policy=BREAKERS)
    bad = rig.targets[0]
    rig.fail(bad, 4)
    assert rig.in_force() == ["b"]
    assert rig.service.why_out(bad) == "breaker open: 4 of 4 calls in 10 s failed"
    rig.clock.pass_time(5)
    rig.service.settle(rig.now)
    assert rig.in_force() == ["a", "b"]
    probe = rig.begin(bad)
    assert rig.in_force() == ["b"]
    assert rig.service.why_out(bad) == "breaker half-open: 1 probes under way"
    rig.service.end(*probe, rig.now, failed=False)
    assert rig.in_force() == ["a", "b"]
    assert [(kind, instance) for kind, instance, _ in rig.told()] == [
        (DecisionKind.BREAKER_OPENED, "a"),
        (DecisionKind.BREAKER_HALF_OPEN, "a"),
        (DecisionKind.BREAKER_CLOSED, "a"),
    ]


def test_a_probe_that_is_given_up_makes_room_for_another() -> None:
    rig = Rig("a", "b", policy=BREAKERS)
    rig.fail(rig.targets[0], 4)
    rig.clock.pass_time(5)
    rig.service.settle(rig.now)
    probe = rig.begin(rig.targets[0])
    rig.service.end(*probe, rig.now, failed=None)
    assert rig.in_force() == ["a", "b"]
    assert rig.targets[0].breaker.state is HALF_OPEN


def test_with_all_breakers_open_nobody_is_picked_and_it_is_known_when_one_will_be() -> None:
    rig = Rig("a", "b", policy=CallPolicy(breaker=BREAKER, outliers=OutlierPolicy(consecutive_failures=99)))
    for target in rig.targets:
        rig.fail(target, 4)
        rig.clock.pass_time(1)
    assert rig.pick() is None
    assert not rig.service.panic
    assert rig.service.next_event_s(rig.now) == pytest.approx(3)
    rig.clock.pass_time(3)
    chosen = rig.pick()
    assert chosen is rig.targets[0]
    assert rig.service.why(chosen, rig.now, None, ()) == ("probe", "probe: breaker half-open")


def test_an_instance_that_fails_in_a_row_is_ejected_and_returns() -> None:
    rig = Rig("a", "b", policy=EJECTION)
    bad = rig.targets[0]
    rig.fail(bad, 1)
    rig.call(bad, failed=False)
    rig.fail(bad, 1)
    assert rig.in_force() == ["a", "b"]
    rig.fail(bad, 1)
    assert rig.in_force() == ["b"]
    assert bad.ejected_until == rig.clock.now() + 10
    rig.clock.pass_time(10)
    rig.service.settle(rig.now)
    assert rig.in_force() == ["a", "b"]
    assert rig.told() == [
        (DecisionKind.EJECTED, "a", "2 failures in a row; back in 10 s"),
        (DecisionKind.RETURNED, "a", "its time is over"),
    ]


def test_no_more_are_ejected_than_the_cap_allows() -> None:
    rig = Rig("a", "b", "c", "d", "e", policy=EJECTION)
    for target in rig.targets:
        rig.fail(target, 5)
    assert rig.in_force() == ["c", "d", "e"]
    rig = Rig("a", policy=EJECTION)
    rig.fail(rig.targets[0], 5)
    assert rig.in_force() == ["a"]


def test_when_too_few_would_be_left_all_are_used_again_and_that_is_told() -> None:
    policy = CallPolicy(breaker=BREAKER, outliers=OutlierPolicy(consecutive_failures=2, ejection_s=60))
    rig = Rig("a", "b", "c", "d", policy=policy)
    a, b, c, _ = rig.targets
    rig.fail(a, 2)
    rig.fail(b, 2)
    assert rig.in_force() == ["c", "d"]
    rig.fail(c, 4)
    assert rig.service.panic
    assert rig.in_force() == ["a", "b", "c", "d"]
    assert rig.service.why(a, rig.now, None, ()) == ("panic", "panic: too few of 4 are fit, so all are used")
    rig.clock.pass_time(5)
    rig.service.settle(rig.now)
    rig.call(c, failed=False)
    assert rig.in_force() == ["c", "d"]
    kinds = [kind for kind, _, _ in rig.told()]
    assert DecisionKind.PANIC in kinds
    assert kinds[-2:] == [DecisionKind.BREAKER_CLOSED, DecisionKind.PANIC_ENDED]


def test_an_ejected_one_is_better_than_nobody_while_another_is_probed() -> None:
    policy = CallPolicy(breaker=BREAKER, outliers=OutlierPolicy(consecutive_failures=2, ejection_s=60))
    rig = Rig("a", "b", policy=policy)
    a, b = rig.targets
    rig.fail(a, 2)
    rig.fail(b, 4)
    rig.clock.pass_time(5)
    rig.begin(b)
    assert rig.service.panic
    assert rig.pick() in (a, b)


def test_an_instance_that_comes_back_as_the_same_process_is_as_it_was() -> None:
    rig = Rig("a", "b", policy=EJECTION)
    a, b = rig.targets
    rig.fail(a, 2)
    rig.service.depart(a)
    rig.service.replace([b], "")
    assert rig.service.departed("a") is a
    assert rig.service.departed("a") is None
    a.come_back(a.peer, a.pool)
    rig.service.replace([a, b], "")
    assert rig.in_force() == ["b"]


def test_nothing_is_held_against_a_new_process() -> None:
    rig = Rig("a", "b", policy=CallPolicy(breaker=BREAKER, outliers=OUTLIERS))
    a, b = rig.targets
    rig.fail(a, 4)
    late = rig.begin(a)
    rig.told()
    rig.service.renewed(a)
    rig.service.replace([rig.target("a", 2), b], "")
    assert rig.in_force() == ["a", "b"]
    rig.service.end(*late, rig.now, failed=True)
    assert rig.told() == [
        (DecisionKind.BREAKER_CLOSED, "a", "it is a new process"),
        (DecisionKind.RETURNED, "a", "it is a new process"),
    ]


def test_what_is_switched_off_lets_everybody_in_at_once() -> None:
    rig = Rig("a", "b", "c", policy=CallPolicy(breaker=BREAKER, outliers=OUTLIERS))
    a, b, _ = rig.targets
    rig.fail(a, 2)
    rig.fail(b, 4)
    rig.apply(policy=OFF)
    assert rig.in_force() == ["a", "b", "c"]
    assert (b.breaker.state, a.outlier.ejected) == (CLOSED, False)


def test_a_strategy_and_weights_are_changed_under_way() -> None:
    rig = Rig("a", "b")
    for _ in range(4):
        rig.call(rig.pick(), failed=False)
    rig.apply(strategy=Strategy.WEIGHTED_ROUND_ROBIN, weights={"a": 3})
    picks = [rig.pick() for _ in range(8)]
    assert picks.count(rig.targets[0]) == 6
    assert rig.service.expected() == {"a": 0.75, "b": 0.25}
    assert rig.told() == [(DecisionKind.STRATEGY, None, "round-robin → weighted-round-robin")]


class Waiting:
    def __init__(self) -> None:
        self.key: str | None = None
        self.granted: tuple[Target, int] | None = None
        self.refused = False

    def grant(self, target: Target, epoch: int) -> None:
        self.granted = target, epoch

    def refuse(self) -> None:
        self.refused = True


def test_those_who_wait_are_told_when_nobody_is_left() -> None:
    policy = CallPolicy(
        breaker=BREAKER, outliers=OutlierPolicy(enabled=False), concurrency=ConcurrencyPolicy(limit=4)
    )
    rig = Rig("a", policy=policy)
    calls = [rig.begin(rig.pick()) for _ in range(4)]
    waiting = Waiting()
    assert rig.service.line.join(waiting, 1)
    for call in calls[:3]:
        rig.service.judge(*call, rig.now, failed=True)
    assert len(rig.service.line) == 1
    rig.service.judge(*calls[3], rig.now, failed=True)
    assert waiting.refused
    assert len(rig.service.line) == 0


class Slots(RuleBasedStateMachine):
    """No instance has more calls than its limit, nobody waits while there is a slot, and the first to come is served first,
    whatever comes and goes and is changed meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 2
        policy = msgspec.structs.replace(OFF, concurrency=ConcurrencyPolicy(limit=self.limit))
        self.rig = Rig("a", "b", policy=policy)
        self.everybody = list(self.rig.targets)
        self.under_way: list[tuple[Target, int]] = []
        self.waiting: list[Waiting] = []

    def collect(self) -> None:
        served = [waiting for waiting in self.waiting if waiting.granted is not None]
        assert served == self.waiting[: len(served)]
        del self.waiting[: len(served)]
        self.under_way += [waiting.granted for waiting in served if waiting.granted is not None]
        if any(waiting.refused for waiting in self.waiting):
            assert not self.rig.service.eligible
            assert all(waiting.refused for waiting in self.waiting)
            self.waiting = []

    @rule()
    def arrive(self) -> None:
        target = self.rig.pick()
        if target is not None:
            assert not self.waiting
            self.under_way.append(self.rig.begin(target))
        elif self.rig.service.eligible:
            self.waiting.append(Waiting())
            assert self.rig.service.line.join(self.waiting[-1], 99)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        call = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.rig.service.end(*call, self.rig.now, failed=False)
        self.collect()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.rig.service.line.leave(self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))))

    @rule(limit=st.integers(1, 4))
    def tune(self, limit: int) -> None:
        self.limit = limit
        policy = msgspec.structs.replace(OFF, concurrency=ConcurrencyPolicy(limit=limit))
        self.rig.apply(policy=policy)
        self.collect()

    @rule(present=st.sets(st.sampled_from("ab")))
    def change(self, present: set[str]) -> None:
        self.rig.service.replace([target for target in self.everybody if target.id in present], "")
        self.collect()

    @invariant()
    def holds(self) -> None:
        service = self.rig.service
        assert len(service.line) == len(self.waiting)
        for target in self.everybody:
            assert target.in_flight == sum(on is target for on, _ in self.under_way)
            assert (target.id in service.full) == (
                target in service.eligible and target.in_flight >= self.limit
            )
        if self.waiting:
            assert all(target.in_flight >= self.limit for target in service.eligible)


TestSlots = Slots.TestCase
