"""The card of a step on its way forward. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from app.core.language import tr
from app.panels.sagas.cards import Card, Ground, Subject, tag_of
from app.panels.sagas.step_story import Leg
from app.qt.tokens import Tone
from embedded_services.contracts.sagas import HoldReason, StepState


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
        **tag_of(of, "forward", leg),
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
