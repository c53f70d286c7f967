"""What becomes of sagas that fail: the first is told by itself, those that fail likewise are counted with it."""

from msgspec.structs import replace

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.sagas import ArmedFault, FaultKind, Saga, SagaState, SagaStep, StepState
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.sources.sagas import APART_S, SagaFacts

PAY = SagaStep(name="process-payment", state=StepState.FAILED, instance="payment-1", error="no money")


def saga(id_: str, state: SagaState, **rest: object) -> Saga:
    base = Saga(
        id=id_, name="order-processing", state=state, trace_id=f"trace-{id_}", data={}, steps=[PAY], started_at=100.0,
        updated_at=101.0, failure="no money",
    )  # fmt: skip
    return replace(base, **rest)


class Source:
    def __init__(self) -> None:
        self._facts = SagaFacts(lambda instance: instance.rpartition("-")[0], since=50.0)
        self.now = 10.0

    def told(self, *sagas: Saga) -> list[Fact]:
        return list(self._facts.told(Beat(sagas=list(sagas)), self.now))


def test_a_saga_that_goes_through_is_no_news() -> None:
    source = Source()
    assert source.told(saga("a", SagaState.RUNNING), saga("a", SagaState.COMPLETED)) == []


def test_one_that_turns_back_is_told_with_its_step_its_service_and_its_end() -> None:
    turned, ended = Source().told(saga("a", SagaState.COMPENSATING), saga("a", SagaState.COMPENSATED))
    assert (turned.kind, turned.subject.step, turned.subject.service) == (
        Kind.SAGA_COMPENSATING,
        "process-payment",
        "payment",
    )
    assert ended.because == turned.names
    assert ended.word == "compensated"


def test_those_that_fail_alike_are_counted_with_the_first() -> None:
    facts = Source().told(*[saga(f"s{number}", SagaState.COMPENSATING) for number in range(30)])
    assert len({fact.key for fact in facts}) == 1
    assert facts[-1].count == 30
    assert {fact.subject.saga for fact in facts} == {"s0"}


def test_one_that_fails_much_later_is_told_by_itself() -> None:
    source = Source()
    [first] = source.told(saga("a", SagaState.COMPENSATING))
    source.now += APART_S + 1
    [second] = source.told(saga("b", SagaState.COMPENSATING))
    assert first.key != second.key


def test_one_that_turned_back_between_two_beats_is_told_nevertheless() -> None:
    facts = Source().told(saga("a", SagaState.COMPENSATED))
    assert [fact.kind for fact in facts] == [Kind.SAGA_COMPENSATING, Kind.SAGA_ENDED]


def test_what_ended_before_anybody_listened_is_not_told() -> None:
    assert Source().told(saga("a", SagaState.COMPENSATED, started_at=10.0)) == []


def test_a_compensation_that_failed_needs_a_person_and_may_still_end() -> None:
    facts = Source().told(
        saga("a", SagaState.COMPENSATING),
        saga("a", SagaState.COMPENSATION_FAILED),
        saga("a", SagaState.COMPENSATING),
        saga("a", SagaState.COMPENSATED),
    )
    assert [fact.kind for fact in facts] == [Kind.SAGA_COMPENSATING, Kind.SAGA_FAILED, Kind.SAGA_ENDED]


def test_the_faults_that_a_run_was_started_with_are_why_it_turns_back() -> None:
    armed = {"process-payment": ArmedFault(kind=FaultKind.FAIL_STEP)}
    facts = Source().told(
        saga("a", SagaState.RUNNING, faults=armed), saga("a", SagaState.COMPENSATING, faults=armed)
    )
    assert [fact.kind for fact in facts] == [Kind.FAULT_ARMED, Kind.SAGA_COMPENSATING]
    assert facts[1].because == facts[0].names
