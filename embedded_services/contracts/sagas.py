"""Sagas, as they are started, seen and repaired."""

from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from embedded_services.contracts.wire import Message, Name, Request, Timestamp

ORCHESTRATOR: Final = "orchestrator"
"""The process that runs sagas, the peer that the gateway's routes may lead to, and who asks when a step is carried out."""

CONTROL: Final = "control"
"""Who asks when the control plane does."""


class SagaState(StrEnum):
    RUNNING = "running"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation_failed"


ENDED: Final = frozenset({SagaState.COMPLETED, SagaState.COMPENSATED})
"""Nothing more happens in these."""


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


class FaultKind(StrEnum):
    """`fail-step`: the service is not asked, and said no. `reply-lost`: it did it, and its answer never came. `slow`: the call
    reaches it only after `delayMs`. `fail-compensation`: the undoing is not asked for, and failed. `crash-orchestrator`: the
    process dies once the step's outcome is on disk, or with `before`, once it is on disk that the step is to be called."""

    FAIL_STEP = "fail-step"
    REPLY_LOST = "reply-lost"
    SLOW = "slow"
    FAIL_COMPENSATION = "fail-compensation"
    CRASH_ORCHESTRATOR = "crash-orchestrator"


class ArmedFault(Request, frozen=True):
    """A fault of one step of one run. It acts on the first `times` calls, null for all (a crash is always one).

    `undoing` lets it act on the step's compensation. `final`, of a compensation that fails, leaves no attempts."""

    kind: FaultKind
    times: Annotated[int, Meta(ge=1, le=1000)] | None = None
    delay_ms: Annotated[int, Meta(ge=1, le=120_000)] = 5_000
    before: bool = False
    undoing: bool = False
    final: bool = False

    @property
    def acts_on_undo(self) -> bool:
        return self.undoing or self.kind is FaultKind.FAIL_COMPENSATION


class Saga(Message, frozen=True):
    """`failure` is why it compensates. `faults` are those that the run was started with, by step. One that is `brief` was too
    large for a list: its data and its steps' are left out."""

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
    faults: dict[str, ArmedFault] = {}
    seq: int = 0
    """Counts all sagas there ever were."""
    brief: bool = False


class SagaPage(Message, frozen=True):
    """The newest first, without their journals. `counts` are of all sagas, by state."""

    items: list[Saga]
    next_cursor: str | None = None
    counts: dict[str, int] = {}


class SagaQuery(Request, frozen=True):
    """Sagas started at or after `since` and before `until`, with `q` in their ids, their data or what made them fail."""

    state: SagaState | None = None
    q: Annotated[str, Meta(max_length=200)] = ""
    since: Timestamp | None = None
    until: Timestamp | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=512)] = ""


class SagaCounts(Message, frozen=True):
    """How many sagas there are in each state, and in all. Of `missed` movements the stream told nothing but these counts."""

    by_state: dict[str, int]
    total: int
    missed: int = 0


class DefinedStep(Message, frozen=True):
    """`service` carries it out. `beside` runs at the same time as the step before; after a `pivot` there is no way back.

    An answer that does not come is asked for again, `attempts` times in all and `undo_attempts` times when it is undone, each
    for `timeout_s`. `fails` is what the step says when it is made to fail."""

    name: str
    service: str
    undoable: bool
    pivot: bool = False
    beside: bool = False
    attempts: int = 0
    undo_attempts: int = 0
    timeout_s: float = 0.0
    fails: str = ""


class SagaDefinition(Message, frozen=True):
    """A saga that can be started."""

    name: str
    steps: list[DefinedStep]


class SagaStarted(Message, frozen=True):
    id: str
    state: SagaState


class NewSaga(Request, frozen=True):
    """`step_mode` waits for `next` before each step. `faults` (each an `ArmedFault`) are armed for this run only, by step."""

    name: Name
    data: dict[str, Any]
    step_mode: bool = False
    faults: dict[str, dict[str, Any]] = {}


class SagaAction(Request, frozen=True):
    """`reason` is asked for where something is skipped or cancelled: it goes into the journal."""

    reason: Annotated[str, Meta(max_length=500)] = ""
