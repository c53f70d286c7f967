"""The card of a step's undoing, which stands beneath it also where there is nothing to undo. Pure."""

from app.core.language import tr
from app.panels.sagas.cards import Card, Ground, Subject, tag_of
from app.qt.tokens import Tone
from embedded_services.contracts.sagas import SagaState, StepState


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
        **tag_of(of, "undo", leg),
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
