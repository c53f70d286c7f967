"""Words, marks and tones of sagas, steps and their journal, in the window's language. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.core import figures
from app.core.language import tr
from app.qt.tokens import Tone
from embedded_services.contracts.sagas import Entry, HoldReason, SagaState

MILLISECONDS: Final = 1000.0
UNDER_A_SECOND: Final = 1.0
MINUTE: Final = 60.0


@dataclass(frozen=True)
class Said:
    """`mark` is a status of the tokens: shape and colour. `tone` is the word's."""

    word: str
    mark: str
    tone: Tone


def saga_said(state: SagaState, hold: HoldReason | None = None) -> Said:
    """What a saga is, in a word. One that waits for somebody says so."""
    if state is SagaState.COMPENSATION_FAILED:
        return Said(tr("compensation failed"), "unhealthy", "bad")
    if hold is HoldReason.PERSON:
        return Said(tr("waits for you"), "degraded", "warn")
    if hold is HoldReason.NEXT:
        return Said(tr("waits for Next"), "waiting", "accent")
    if hold is HoldReason.SERVICE:
        return Said(tr("waits for a service"), "degraded", "warn")
    return {
        SagaState.RUNNING: Said(tr("running"), "starting", "accent"),
        SagaState.COMPENSATING: Said(tr("compensating"), "undoing", "warn"),
        SagaState.COMPLETED: Said(tr("completed"), "healthy", "text_secondary"),
        SagaState.COMPENSATED: Said(tr("compensated"), "undoing", "text_secondary"),
    }[state]


def state_words() -> Mapping[SagaState, str]:
    """For the filter: short, and what needs somebody last."""
    return {
        SagaState.RUNNING: tr("Running"),
        SagaState.COMPENSATING: tr("Compensating"),
        SagaState.COMPLETED: tr("Completed"),
        SagaState.COMPENSATED: tr("Compensated"),
        SagaState.COMPENSATION_FAILED: tr("Stuck"),
    }


def short_id(saga: str) -> str:
    """`saga_wavh5mgjwx5t` → `wx5t`: its end tells it apart from those around it. The timeline calls it the same."""
    return saga.removeprefix("saga_")[-4:]


def took(seconds: float) -> str:
    """`58 ms`, `2.0 s`, `1:04`: as exact as it is of use."""
    seconds = max(0.0, seconds)
    if seconds < UNDER_A_SECOND:
        return tr("{ms} ms", ms=f"{seconds * MILLISECONDS:.0f}")
    if seconds < MINUTE:
        return tr("{s} s", s=figures.decimal(seconds))
    return figures.lasting(seconds)


# --- the journal ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """An entry of the journal as it is read."""

    at: float
    text: str
    mark: str
    tone: Tone = "text"


def line_of(entry: Entry) -> Line:
    """One that is not known here is shown as it is."""
    known = _step_line(entry) if entry.step is not None else _saga_line(entry)
    return known or Line(entry.at, _joined(entry.step or "", entry.what, entry.detail), "unknown")


def _step_line(entry: Entry) -> Line | None:
    step, detail = entry.step or "", entry.detail
    called = tr("{step} called, {attempt}", step=step, attempt=_attempt(detail))
    undo_called = tr("undoing {step}, {attempt}", step=step, attempt=_attempt(detail))
    plain: dict[str, tuple[str, str, Tone]] = {
        "called": (called, "starting", "text_secondary"),
        "completed": (tr("{step} done by {instance}", step=step, instance=detail), "healthy", "text"),
        "failed": (tr("{step} failed", step=step), "unhealthy", "bad"),
        "failed, and an earlier call may have happened": (
            tr("{step} failed; an earlier call may have happened", step=step), "degraded", "warn",
        ),
        "no answer, asked again": (tr("{step}: no answer, asked again", step=step), "degraded", "warn"),
        "outcome unknown": (tr("{step}: outcome unknown, so it is undone", step=step), "degraded", "warn"),
        "compensation called": (undo_called, "undoing", "warn"),
        "compensated": (tr("{step} undone by {instance}", step=step, instance=detail), "undoing", "text"),
        "compensation failed, asked again": (
            tr("undoing {step} failed, asked again", step=step), "degraded", "warn",
        ),
        "compensation failed": (tr("undoing {step} failed for good", step=step), "unhealthy", "bad"),
        "nothing to compensate": (tr("{step}: nothing to undo", step=step), "unknown", "text_secondary"),
        "tried again by a person": (tr("{step} tried again by you", step=step), "starting", "text"),
        "skipped by a person": (tr("{step} skipped by you", step=step), "stopped", "text"),
        "recovered": (tr("{step} asked again after a crash", step=step), "starting", "text"),
        "fault": (tr("{kind} hit {step}", step=step, kind=detail), "injected", "fault"),
    }  # fmt: skip
    if entry.what not in plain:
        return None
    text, mark, tone = plain[entry.what]
    said = (
        detail
        if entry.what not in ("called", "compensation called", "completed", "compensated", "fault")
        else ""
    )
    return Line(entry.at, _joined(text, said), mark, tone)


def _saga_line(entry: Entry) -> Line | None:
    detail = entry.detail
    plain: dict[str, tuple[str, str, Tone]] = {
        "started": (tr("saga started"), "healthy", "text"),
        "completed": (tr("saga completed"), "healthy", "ok"),
        "compensating": (tr("turns back"), "undoing", "warn"),
        "compensated": (tr("saga compensated"), "undoing", "warn"),
        "deadline passed": (tr("deadline passed"), "degraded", "warn"),
        "next": (tr("next, by you"), "starting", "text"),
        "cancelled": (tr("cancelled by you"), "stopped", "text"),
        "waits for service": (tr("waits for a service"), "degraded", "warn"),
        "waits for person": (tr("waits for you"), "degraded", "bad"),
        "waits for next": (tr("waits for Next"), "waiting", "text_secondary"),
    }
    if entry.what not in plain:
        return None
    text, mark, tone = plain[entry.what]
    return Line(entry.at, _joined(text, detail), mark, tone)


def _attempt(detail: str) -> str:
    number = detail.removeprefix("attempt ")
    return tr("try {n}", n=number) if number != detail else detail


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)
