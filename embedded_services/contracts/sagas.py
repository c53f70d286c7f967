"""Sagas, as they are started, seen and repaired."""

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from embedded_services.contracts.wire import Message, Name, Request, Timestamp


class SagaState(StrEnum):
    RUNNING = "running"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation_failed"


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation_failed"
    SKIPPED = "skipped"


class HoldReason(StrEnum):
    """What a saga waits for: a service that is away, a person, or `next` in step-by-step mode."""

    SERVICE = "service"
    PERSON = "person"
    NEXT = "next"


class Hold(Message, frozen=True):
    reason: HoldReason
    since: Timestamp
    why: str = ""


class SagaStep(Message, frozen=True):
    """`attempts` counts calls of the direction that is under way; `next_try_at` is when the next one is made."""

    name: str
    state: StepState = StepState.PENDING
    attempts: int = 0
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    instance: str | None = None
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    error: str | None = None
    next_try_at: Timestamp | None = None


class Entry(Message, frozen=True):
    """One line of a saga's journal: what happened, and to which step."""

    seq: int
    at: Timestamp
    what: str
    step: str | None = None
    detail: str = ""


class Saga(Message, frozen=True):
    """`failure` is why it compensates."""

    id: str
    name: str
    state: SagaState
    trace_id: str
    data: dict[str, Any]
    steps: list[SagaStep]
    started_at: Timestamp
    updated_at: Timestamp
    deadline_at: Timestamp | None = None
    hold: Hold | None = None
    failure: str = ""
    journal: list[Entry] = []


class NewSaga(Request, frozen=True):
    """`step_mode` waits for `next` before each step. `faults` are armed for this run only, by step."""

    name: Name
    data: dict[str, Any]
    step_mode: bool = False
    faults: dict[str, dict[str, Any]] = {}


class SagaAction(Request, frozen=True):
    """`reason` is asked for where something is skipped or cancelled: it goes into the journal."""

    reason: Annotated[str, Meta(max_length=500)] = ""
