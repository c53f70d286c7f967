"""What people did: actions, faults, settings, traffic."""

from msgspec.structs import replace

from embedded_services.contracts.faults import Affected, Fault, FaultScope, FaultState, FaultTarget, Proof
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject, TimelineTone
from embedded_services.contracts.traffic import Phase, Traffic, TrafficPlan
from embedded_services.control.timeline.sources.deeds import (
    FaultFacts,
    TrafficFacts,
    action,
    settings_changed,
)
from tests.helpers.child import demo_settings

FAULT = Fault(
    id="f-1", kind="abort", target=FaultTarget(instance="payment-2", process="gateway"), params={}, probability=0.1,
    scope=FaultScope.REQUEST, seed=1, ttl=60.0, state=FaultState.PENDING, armed_at=5.0, expires_at=65.0,
)  # fmt: skip
USER_1 = TimelineSubject(service="user", instance="user-1")


def test_a_freeze_holds_until_it_is_thawed() -> None:
    freeze, thaw = action("freeze", USER_1, 1, 0.0), action("thaw", USER_1, 1, 1.0)
    assert freeze.opens
    assert set(thaw.closes) <= set(freeze.names)
    assert (freeze.tone, thaw.tone) == (TimelineTone.FAULT, TimelineTone.YOU)


def test_what_ends_a_process_is_named_with_its_incarnation() -> None:
    assert action("kill", USER_1, 3, 0.0).names == ("asked:user-1:3",)


def test_an_action_that_is_part_of_a_fault_comes_of_it() -> None:
    assert action("kill", USER_1, 3, 0.0, "f-1").because == ("fault:f-1",)


def test_a_fault_is_told_once_for_each_thing_that_happens_to_it() -> None:
    source = FaultFacts()
    active = replace(FAULT, state=FaultState.ACTIVE)
    proof = Proof(eligible=9, injected=4, last=[Affected(at=7.0, request_id="r", trace_id="t-1")])
    hit = replace(active, proof=proof)
    over = replace(hit, state=FaultState.EXPIRED, ended_at=66.0)
    told = [
        [fact.kind for fact in source.told(fault, "payment", 9.0)]
        for fault in (FAULT, active, active, hit, hit, over, over)
    ]
    assert told == [[Kind.FAULT_ARMED], [], [], [Kind.FAULT_INJECTED], [], [Kind.FAULT_EXPIRED], []]


def test_the_end_of_a_fault_says_who_undid_it_if_that_was_somebody_else() -> None:
    def told_at_the_end(detail: str) -> str:
        source = FaultFacts()
        frozen = replace(FAULT, kind="freeze", state=FaultState.ACTIVE, detail="sent SIGSTOP")
        over = replace(frozen, state=FaultState.REMOVED, detail=detail)
        list(source.told(frozen, "payment", 9.0))
        (removed,) = source.told(over, "payment", 10.0)
        return removed.text

    assert told_at_the_end("thawed by hand") == "fault freeze removed: thawed by hand"
    assert told_at_the_end("sent SIGSTOP") == "fault freeze removed"


def test_a_fault_is_about_what_it_hits_and_not_about_who_calls() -> None:
    [fact] = FaultFacts().told(FAULT, "payment", 9.0)
    assert fact.subject == TimelineSubject(service="payment", instance="payment-2", fault="f-1")


def test_what_was_injected_names_its_requests_and_its_fault() -> None:
    proof = Proof(injected=4, last=[Affected(at=7.0, request_id="r", trace_id="t-1")])
    armed, injected = FaultFacts().told(replace(FAULT, proof=proof), "payment", 9.0)
    assert injected.because == armed.names
    assert (injected.count, injected.traces) == (4, ("t-1",))


def test_a_crash_of_the_orchestrator_is_found_by_who_ended() -> None:
    crash = replace(FAULT, kind="crash-orchestrator", target=FaultTarget(step="process-payment"))
    source = FaultFacts()
    (armed,) = source.told(crash, None, 9.0)
    (injected,) = source.told(replace(crash, proof=Proof(eligible=1, injected=1)), None, 10.0)
    for fact in (armed, injected):
        assert "crash:orchestrator" in fact.names


def test_each_change_of_the_settings_is_one_fact() -> None:
    before = demo_settings()
    user = replace(before.services["user"], strategy=Strategy.RANDOM, replicas=5)
    after = replace(before, services={**before.services, "user": user}, limits=LimitSettings(limit=7))
    facts = list(settings_changed(before, after, 0.0))
    assert [(fact.kind, fact.word) for fact in facts] == [
        (Kind.STRATEGY, "random"),
        (Kind.SETTINGS, "replicas"),
        (Kind.LIMITS, "7 / 60 s"),
    ]
    assert list(settings_changed(before, before, 0.0)) == []


def test_services_that_come_and_go_are_told() -> None:
    before = demo_settings()
    after = replace(before, services={name: one for name, one in before.services.items() if name != "user"})
    assert [fact.text for fact in settings_changed(before, after, 0.0)] == ["service user was removed"]
    assert [fact.text for fact in settings_changed(after, before, 0.0)] == ["service user was added"]


def test_traffic_is_told_when_it_starts_changes_and_stops() -> None:
    source = TrafficFacts()
    on = Traffic(phase=Phase.RUNNING, run=1, plan=TrafficPlan(rate=120.0))
    states = (
        Traffic(), on, replace(on, in_flight=3), replace(on, plan=TrafficPlan(rate=50.0)),
        replace(on, phase=Phase.FINISHING), replace(on, phase=Phase.STOPPED),
    )  # fmt: skip
    told = [(fact.kind, fact.word) for state in states for fact in source.told(state, 0.0)]
    assert told == [(Kind.TRAFFIC_STARTED, "120"), (Kind.TRAFFIC_STARTED, "50"), (Kind.TRAFFIC_STOPPED, "")]
