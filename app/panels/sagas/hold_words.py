"""Why a saga stands still, and what a person can do about it now. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from app.core.language import tr
from app.qt.tokens import Tone
from embedded_services.contracts.sagas import (
    ENDED,
    Hold,
    HoldReason,
    Saga,
    SagaDefinition,
    SagaState,
    StepState,
)

ActionKey = Literal["next", "retry", "skip", "cancel"]
ACTIONS: Final[tuple[ActionKey, ...]] = ("next", "retry", "skip", "cancel")


def hold_words(hold: Hold) -> tuple[str, Tone]:
    """What it waits for, and how loud that is to be said."""
    why = hold.why.rstrip(".")
    match hold.reason:
        case HoldReason.SERVICE:
            return tr("Waits for a service, and goes on by itself: {why}.", why=why), "warn"
        case HoldReason.PERSON:
            return tr("Waits for you: {why}.", why=why), "bad"
        case HoldReason.NEXT:
            step = why.removeprefix("before ")
            return tr("Step by step: Next lets {step} begin.", step=step), "accent"


def refusals(saga: Saga, definition: SagaDefinition | None) -> Mapping[ActionKey, str]:
    """For each action why it cannot be taken now; empty where it can."""
    waits = saga.hold.reason if saga.hold is not None else None
    nobody = tr("Nothing of it waits for you.")
    person = "" if waits is HoldReason.PERSON else nobody
    return {
        "next": "" if waits is HoldReason.NEXT else tr("It does not wait for the next step."),
        "retry": person,
        "skip": person,
        "cancel": _not_cancelled(saga, definition),
    }


def _not_cancelled(saga: Saga, definition: SagaDefinition | None) -> str:
    if saga.state in ENDED:
        return tr("It has ended.")
    if saga.state is not SagaState.RUNNING:
        return tr("It turns back already.")
    pivots = {step.name for step in definition.steps if step.pivot} if definition is not None else set()
    if any(step.name in pivots and step.state is not StepState.PENDING for step in saga.steps):
        return tr("It has passed the point of no return.")
    return ""
