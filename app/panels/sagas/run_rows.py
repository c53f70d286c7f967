"""A run as the list shows it: far smaller than the saga, so that many thousands can be held. Pure."""

from dataclasses import dataclass

from app.panels.sagas.words import Said, saga_said
from embedded_services.contracts.sagas import ENDED, HoldReason, Saga, SagaState, SagaStep, StepState


@dataclass(frozen=True, slots=True)
class RunRow:
    """`step` is the one that failed, or that is under way; `instance` serves it, or did."""

    id: str
    seq: int
    name: str
    state: SagaState
    hold: HoldReason | None
    started_at: float
    updated_at: float
    step: str
    instance: str
    failure: str

    @property
    def said(self) -> Said:
        return saga_said(self.state, self.hold)

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED

    def lasted(self, now: float) -> float:
        return (now if self.is_open else self.updated_at) - self.started_at


def run_row(saga: Saga) -> RunRow:
    step = step_in_focus(saga)
    return RunRow(
        id=saga.id,
        seq=saga.seq,
        name=saga.name,
        state=saga.state,
        hold=saga.hold.reason if saga.hold is not None else None,
        started_at=saga.started_at,
        updated_at=saga.updated_at,
        step=step.name if step is not None else "",
        instance=(step.instance or "") if step is not None else "",
        failure=saga.failure,
    )


def step_in_focus(saga: Saga) -> SagaStep | None:
    """The step that a look at the saga is for: what is stuck, what is under way, what made it turn back, what is next."""
    if saga.state is SagaState.COMPLETED:
        return None
    for state in (StepState.COMPENSATION_FAILED, StepState.COMPENSATING, StepState.RUNNING):
        for step in saga.steps:
            if step.state is state:
                return step
    if saga.failure:
        return failed_step(saga)
    return next((step for step in saga.steps if step.state is StepState.PENDING), None)


def failed_step(saga: Saga) -> SagaStep | None:
    """The step that made it turn back, if a step did."""
    said = [step for step in saga.steps if step.error is not None and step.error == saga.failure]
    refused = [step for step in saga.steps if step.state is StepState.FAILED]
    return next(iter([*said, *refused]), None)
