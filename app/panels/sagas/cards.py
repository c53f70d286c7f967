"""What a card of the two lanes says, and what it is made of. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

from app.core.fault_marks import StepFault
from app.panels.sagas.armed_words import explained, explained_in_force, fault_tag, tag_in_force
from app.panels.sagas.step_story import Leg, StepStory
from app.qt.tokens import Tone
from embedded_services.contracts.sagas import (
    ENDED,
    ArmedFault,
    DefinedStep,
    Saga,
    SagaState,
    SagaStep,
    StepState,
)

Way = Literal["forward", "undo"]
Ground = Literal["plain", "idle", "busy", "warn", "bad"]


@dataclass(frozen=True)
class Card:
    """`mark` is a status of the tokens or empty. `took` is what it lasted; while it lasts, `since` is when it began. The next
    try is made at `next_try_at`, which is waited for since `waits_since`. `note` is what came out, or what went wrong. `tag` names
    the fault that acts on it, in few words, and `tag_says` in a sentence."""

    step: str
    way: Way
    number: int
    ground: Ground
    word: str
    mark: str = ""
    tone: Tone = "text_muted"
    took: float | None = None
    since: float | None = None
    instance: str = ""
    tries: int = 0
    of_tries: int = 0
    next_try_at: float | None = None
    waits_since: float | None = None
    note: str = ""
    note_tone: Tone = "text_muted"
    tag: str = ""
    tag_says: str = ""
    is_hit: bool = False
    is_pivot: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it looks different a moment later, though nothing happens."""
        return self.since is not None or self.next_try_at is not None


@dataclass(frozen=True)
class Subject:
    """A step, all that is known of it, and the saga it is of. `defined` is None where nobody defines the saga any more."""

    saga: Saga
    step: SagaStep
    number: int
    defined: DefinedStep | None
    told: StepStory
    in_force: tuple[StepFault, ...] = ()
    """The faults in force on this step in every run."""

    @property
    def fault(self) -> ArmedFault | None:
        return self.saga.faults.get(self.step.name)

    @property
    def turned(self) -> bool:
        return self.saga.state not in (SagaState.RUNNING, SagaState.COMPLETED)

    @property
    def undoable(self) -> bool:
        return self.defined is None or self.defined.undoable

    @property
    def was_undone(self) -> bool:
        """Whether its undoing was begun: then what the step says of itself is about that."""
        return self.step.state in (
            StepState.COMPENSATING, StepState.COMPENSATED, StepState.COMPENSATION_FAILED,
        ) or (self.step.state is StepState.SKIPPED and self.turned)  # fmt: skip


def tag_of(of: Subject, way: Way, leg: Leg) -> dict[str, Any]:
    """The fault that hangs on this card's edge, and whether it acted: the run's own one before those that act on all runs."""
    fault = of.fault
    if fault is not None and fault.acts_on_undo is (way == "undo"):
        is_hit = leg.hits > 0
        says = explained(fault, is_hit=is_hit)
        return {"tag": fault_tag(fault, is_hit=is_hit), "tag_says": says, "is_hit": is_hit}
    for one in of.in_force:
        if one.undo is (way == "undo"):
            is_hit = of.saga.id in one.runs
            can_act = _is_ahead(of, way)
            says = explained_in_force(one.kind, is_hit=is_hit, can_act=can_act)
            return {
                "tag": tag_in_force(one.kind, is_hit=is_hit, can_act=can_act),
                "tag_says": says,
                "is_hit": is_hit,
            }
    return {}


def _is_ahead(of: Subject, way: Way) -> bool:
    """Whether this run can still call the step on that way."""
    state = of.step.state
    if way == "forward":
        return of.saga.state is SagaState.RUNNING and state in (
            StepState.PENDING, StepState.RUNNING, StepState.UNKNOWN,
        )  # fmt: skip
    return of.undoable and of.saga.state not in ENDED and state not in (
        StepState.COMPENSATED, StepState.SKIPPED, StepState.FAILED,
    )  # fmt: skip
