"""One run of a saga: where it stands and where each of its steps does. What the journal keeps of it, nothing else. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from embedded_services.contracts.sagas import ArmedFault, HoldReason, SagaState, StepState
from embedded_services.sagas.definition import Definition

FINAL: Final = frozenset({SagaState.COMPLETED, SagaState.COMPENSATED})


class Direction(StrEnum):
    DO = "do"
    UNDO = "undo"


class StepRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    state: StepState = StepState.PENDING
    attempts: int = 0
    away: int = 0
    """Attempts in a row for which there was nobody: they cost nothing."""
    calling: bool = False
    unsure: bool = False
    """Whether there was a call of its action of which nothing was heard: it may have happened, or happen yet."""
    started_at: float | None = None
    ended_at: float | None = None
    next_try_at: float | None = None
    instance: str | None = None
    output: Mapping[str, Any] | None = None
    error: str | None = None
    refusal: Mapping[str, Any] | None = None
    """The service's own error, as its answer has it, where it said no."""
    hit: int = 0
    """How often the fault that is armed for it has acted."""


class HoldRun(Struct, frozen=True):
    reason: HoldReason
    since: float
    why: str = ""


class Run(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`allowed` steps may begin in step-by-step mode; None is not in that mode. `span` is that of the request which started
    it, empty if there was none; `traced` says whether spans are told of it."""

    id: str
    name: str
    trace_id: str
    span: str = ""
    traced: bool = True
    data: Mapping[str, Any]
    steps: tuple[StepRun, ...]
    started_at: float
    state: SagaState = SagaState.RUNNING
    hold: HoldRun | None = None
    failure: str = ""
    deadline_at: float | None = None
    """Until it has passed."""
    allowed: int | None = None
    faults: Mapping[str, ArmedFault] = {}


@dataclass(frozen=True)
class Origin:
    """Where a saga comes from: the trace of the request that asked for it, its span, and whether spans are told of it."""

    trace_id: str
    span: str = ""
    traced: bool = True


def new_run(
    definition: Definition,
    id_: str,
    origin: Origin,
    data: Mapping[str, Any],
    now: float,
    *,
    step_mode: bool = False,
    faults: Mapping[str, ArmedFault] | None = None,
) -> Run:
    return Run(
        id=id_,
        name=definition.name,
        trace_id=origin.trace_id,
        span=origin.span,
        traced=origin.traced,
        data=dict(data),
        steps=tuple(StepRun() for _ in definition.steps),
        started_at=now,
        deadline_at=None if step_mode else now + definition.deadline_s,
        allowed=0 if step_mode else None,
        faults=dict(faults or {}),
    )


def key_of(run: Run, definition: Definition, step: int, direction: Direction) -> str:
    """The Idempotency-Key of a call: the same in every attempt, of every incarnation."""
    return f"{run.id}:{definition.steps[step].name}:{direction.value}"
