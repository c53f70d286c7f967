"""Sagas as they are shown: from what the machine holds to the messages of the API."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from embedded_services.contracts.sagas import Entry, Hold, Saga, SagaStep, StepState
from embedded_services.sagas.definition import Definition, Step
from embedded_services.sagas.journal import Stored
from embedded_services.sagas.run import Run, StepRun

BRIEF_BYTES: Final = 8 * 1024


def brief(saga: Saga) -> Saga:
    """As it is shown among others: one that takes more than `BRIEF_BYTES` without its data and its steps'."""
    if len(msgspec.json.encode(saga)) <= BRIEF_BYTES:
        return saga
    steps = [msgspec.structs.replace(step, input=None, output=None) for step in saga.steps]
    kept = {name: value for name, value in saga.data.items() if isinstance(value, str | int | float)}
    return msgspec.structs.replace(saga, data=kept, steps=steps, brief=True)


def show(definition: Definition | None, stored: Stored, lines: Sequence[Entry] = ()) -> Saga:
    """`definition` is null for a saga that nobody defines any more: then its steps have no names."""
    run = stored.run
    steps = definition.steps if definition is not None else [None] * len(run.steps)
    return Saga(
        id=run.id,
        name=run.name,
        state=run.state,
        trace_id=run.trace_id,
        data=dict(run.data),
        steps=[
            _step(step, state, run, number)
            for number, (step, state) in enumerate(zip(steps, run.steps, strict=True), 1)
        ],
        started_at=run.started_at,
        updated_at=stored.updated_at,
        deadline_at=run.deadline_at,
        hold=None
        if run.hold is None
        else Hold(reason=run.hold.reason, since=run.hold.since, why=run.hold.why),
        failure=run.failure,
        journal=list(lines),
        faults=dict(run.faults),
        seq=stored.seq,
    )


def _step(step: Step | None, state: StepRun, run: Run, number: int) -> SagaStep:
    begun = state.state is not StepState.PENDING
    return SagaStep(
        name=f"step {number}" if step is None else step.name,
        state=state.state,
        attempts=state.attempts,
        started_at=state.started_at,
        ended_at=state.ended_at,
        instance=state.instance,
        input=_input(step, run) if step is not None and begun else None,
        output=None if state.output is None else dict(state.output),
        error=state.error,
        next_try_at=state.next_try_at,
    )


def _input(step: Step, run: Run) -> dict[str, Any] | None:
    """What its action was asked: the request is made of the data, which only grows."""
    try:
        body = step.do.request(run.data).body
    except (KeyError, TypeError, ValueError):
        return None
    return None if body is None else dict(body)
