"""What a card of the two lanes says: one for each step on its way forward, one beneath it for its undoing. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.core.language import tr
from app.panels.sagas.armed_words import fault_tag
from app.panels.sagas.step_story import Leg, StepStory
from app.qt.tokens import Tone
from embedded_services.contracts.sagas import (
    ArmedFault,
    DefinedStep,
    HoldReason,
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
    try is made at `next_try_at`, which is waited for since `waits_since`. `note` is what came out, or what went wrong."""

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


# --- forward ----------------------------------------------------------------------------------------------------------


def forward_card(of: Subject) -> Card:
    leg, step = of.told.forward, of.step
    word, mark, tone, ground = _forward_look(of)
    served = leg.instance or ("" if of.was_undone else step.instance or "")
    is_open = ground in ("busy", "warn") and step.state is StepState.RUNNING
    began, ended = _times(of, leg)
    error = _forward_error(of)
    return Card(
        step=step.name,
        way="forward",
        number=of.number,
        ground=ground,
        word=word,
        mark=mark,
        tone=tone,
        took=ended - began if began is not None and ended is not None and not is_open else None,
        since=began if is_open else None,
        instance=served,
        tries=leg.tries if of.was_undone or not step.attempts else step.attempts,
        of_tries=of.defined.attempts if of.defined is not None else 0,
        next_try_at=step.next_try_at if is_open else None,
        waits_since=leg.tried_at or of.saga.updated_at,
        note=error or summary(step.output),
        note_tone="bad" if error and ground == "bad" else "warn" if error else "text_muted",
        is_pivot=of.defined is not None and of.defined.pivot,
        **_tag(of, "forward", leg),
    )


def _forward_look(of: Subject) -> tuple[str, str, Tone, Ground]:
    """Word, mark, tone and ground."""
    step, leg = of.step, of.told.forward
    if of.was_undone:
        if leg.end in ("failed", "outcome unknown", "failed, and an earlier call may have happened"):
            return tr("outcome unknown"), "degraded", "warn", "warn"
        return tr("completed"), "healthy", "ok", "plain"
    match step.state:
        case StepState.RUNNING:
            return _under_way(of)
        case StepState.COMPLETED:
            return tr("completed"), "healthy", "ok", "plain"
        case StepState.FAILED:
            return tr("failed"), "unhealthy", "bad", "bad"
        case StepState.UNKNOWN:
            return tr("outcome unknown"), "degraded", "warn", "warn"
        case StepState.SKIPPED:
            return tr("skipped by you"), "stopped", "text_secondary", "plain"
        case _:
            return _not_begun(of)


def _under_way(of: Subject) -> tuple[str, str, Tone, Ground]:
    hold = of.saga.hold.reason if of.saga.hold is not None else None
    if hold is HoldReason.PERSON and of.step.next_try_at is None and of.step.error is not None:
        return tr("waits for you"), "unhealthy", "bad", "bad"
    if hold is HoldReason.SERVICE and of.step.next_try_at is not None:
        return tr("waits for a service"), "degraded", "warn", "warn"
    if of.step.next_try_at is not None and of.step.attempts:
        return tr("tries again"), "degraded", "warn", "warn"
    return tr("running"), "starting", "accent", "busy"


def _not_begun(of: Subject) -> tuple[str, str, Tone, Ground]:
    hold = of.saga.hold
    if hold is not None and hold.reason is HoldReason.NEXT and hold.why == f"before {of.step.name}":
        return tr("waits for Next"), "waiting", "accent", "busy"
    if of.turned:
        return tr("not reached"), "", "text_muted", "idle"
    return tr("pending"), "", "text_muted", "idle"


def _times(of: Subject, leg: Leg) -> tuple[float | None, float | None]:
    if leg.began_at is not None:
        return leg.began_at, leg.ended_at
    return (None, None) if of.was_undone else (of.step.started_at, of.step.ended_at)


def _forward_error(of: Subject) -> str:
    if of.was_undone:
        return of.told.forward.said
    return of.step.error or "" if of.step.state is not StepState.COMPLETED else ""


# --- back -------------------------------------------------------------------------------------------------------------


def undo_card(of: Subject) -> Card:
    leg, step = of.told.undo, of.step
    word, mark, tone, ground = _undo_look(of)
    is_open = step.state is StepState.COMPENSATING
    was_called = of.was_undone and of.undoable
    error = (step.error or leg.said) if was_called and step.state is not StepState.COMPENSATED else ""
    return Card(
        step=step.name,
        way="undo",
        number=of.number,
        ground=ground,
        word=word,
        mark=mark,
        tone=tone,
        took=leg.ended_at - leg.began_at if leg.began_at is not None and leg.ended_at is not None else None,
        since=(leg.began_at or step.started_at) if is_open else None,
        instance=(leg.instance or step.instance or "") if was_called else "",
        tries=step.attempts if was_called else 0,
        of_tries=of.defined.undo_attempts if of.defined is not None else 0,
        next_try_at=step.next_try_at if is_open else None,
        waits_since=leg.tried_at or of.saga.updated_at,
        note=error if error else _spared(of),
        note_tone=("bad" if ground == "bad" else "warn") if error else "text_muted",
        **_tag(of, "undo", leg),
    )


def _undo_look(of: Subject) -> tuple[str, str, Tone, Ground]:
    match of.step.state:
        case StepState.COMPENSATING:
            return tr("undoing"), "undoing", "warn", "warn"
        case StepState.COMPENSATED if of.undoable:
            return tr("undone"), "undoing", "text", "plain"
        case StepState.COMPENSATION_FAILED:
            return tr("undo failed"), "unhealthy", "bad", "bad"
        case StepState.SKIPPED if of.turned:
            return tr("skipped by you"), "stopped", "text_secondary", "plain"
        case _:
            return _not_undone(of)


def _not_undone(of: Subject) -> tuple[str, str, Tone, Ground]:
    if not of.undoable:
        return tr("nothing to undo"), "", "text_muted", "idle"
    if of.saga.state is SagaState.COMPLETED or (of.turned and of.step.state is StepState.FAILED):
        return tr("not needed"), "check", "text_secondary", "idle"
    if of.turned and of.step.state in (StepState.COMPLETED, StepState.UNKNOWN):
        return tr("will be undone"), "", "warn", "idle"
    if of.turned:
        return tr("not needed"), "", "text_muted", "idle"
    return tr("only if it turns back"), "", "text_muted", "idle"


def _spared(of: Subject) -> str:
    """Why nothing is undone."""
    if not of.turned or of.was_undone:
        return ""
    match of.step.state:
        case StepState.FAILED:
            return tr("it was refused: nothing was done")
        case StepState.PENDING:
            return tr("it never ran")
        case _:
            return ""


# --- pieces -----------------------------------------------------------------------------------------------------------


def _tag(of: Subject, way: Way, leg: Leg) -> dict[str, Any]:
    """The fault that hangs on this card's edge, and whether it acted."""
    fault = of.fault
    if fault is None or fault.acts_on_undo is not (way == "undo"):
        return {}
    is_hit = leg.hits > 0
    return {"tag": fault_tag(fault, is_hit=is_hit), "is_hit": is_hit}


def summary(output: Mapping[str, Any] | None) -> str:
    """What came out, as far as it has room: plain values before others."""
    if not output:
        return ""
    plain = [
        f"{name} {_shown(value)}" for name, value in output.items() if not isinstance(value, dict | list)
    ]
    rest = [f"{name} [{len(value)}]" for name, value in output.items() if isinstance(value, list)]
    rest += [f"{name} {{{len(value)}}}" for name, value in output.items() if isinstance(value, dict)]
    return tr("out: {what}", what=" · ".join([*plain, *rest][:3]))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
