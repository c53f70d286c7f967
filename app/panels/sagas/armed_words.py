"""The faults that can be armed for a step of the next run: what they are called, and what will be seen. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from app.core import figures
from app.core.language import tr
from embedded_services.contracts.sagas import ArmedFault, DefinedStep, FaultKind

MS: Final = 1000
DELAYS_MS: Final = (1_000, 5_000, 15_000)


@dataclass(frozen=True)
class Choice:
    """`key` names it for tests; `says` is what will be seen."""

    key: str
    word: str
    says: str
    fault: ArmedFault


def choices_for(step: DefinedStep) -> Sequence[Sequence[Choice]]:
    """All that can be armed for it, in groups."""
    groups = [_forward(step), _slow(step), _undo(step), _crash()]
    return [group for group in groups if group]


def _forward(step: DefinedStep) -> list[Choice]:
    return [
        Choice(
            "fail", tr("Fail"), tr("says “{error}”; what was done before is undone", error=step.fails),
            ArmedFault(FaultKind.FAIL_STEP),
        ),
        Choice(
            "reply-lost-once", tr("Lose its first reply"),
            tr("it is done; asked again under the same key, it has no second effect"),
            ArmedFault(FaultKind.REPLY_LOST, times=1),
        ),
        Choice(
            "reply-lost", tr("Lose every reply"), tr("outcome unknown after {n} tries, so it is undone too", n=step.attempts),
            ArmedFault(FaultKind.REPLY_LOST),
        ),
    ]  # fmt: skip


def _slow(step: DefinedStep) -> list[Choice]:
    return [
        Choice(
            f"slow-{delay}", tr("Slow, by {s} s", s=f"{delay / MS:g}"), _slow_says(step, delay),
            ArmedFault(FaultKind.SLOW, delay_ms=delay),
        )
        for delay in DELAYS_MS
    ]  # fmt: skip


def _slow_says(step: DefinedStep, delay_ms: int) -> str:
    if delay_ms < step.timeout_s * MS:
        return tr("it is done in time: within {s} s", s=f"{step.timeout_s:g}")
    return tr("no answer within {s} s; it arrives when nobody waits for it", s=f"{step.timeout_s:g}")


def _undo(step: DefinedStep) -> list[Choice]:
    if not step.undoable:
        return []
    return [
        Choice(
            "undo-once", tr("Fail its undoing once"), tr("if it comes to that, it is undone at the second try"),
            ArmedFault(FaultKind.FAIL_COMPENSATION, times=1),
        ),
        Choice(
            "undo-fail", tr("Fail its undoing for good"), tr("if it comes to that, the saga waits for you"),
            ArmedFault(FaultKind.FAIL_COMPENSATION, final=True),
        ),
        Choice(
            "undo-reply-lost", tr("Lose the first reply of its undoing"), tr("asked again under the same key"),
            ArmedFault(FaultKind.REPLY_LOST, times=1, undoing=True),
        ),
    ]  # fmt: skip


def _crash() -> list[Choice]:
    says = tr("the process dies; started again, it goes on from its journal")
    before = ArmedFault(FaultKind.CRASH_ORCHESTRATOR, before=True)
    return [
        Choice("crash-before", tr("Crash the orchestrator before it"), says, before),
        Choice("crash-after", tr("Crash the orchestrator after it"), says, ArmedFault(FaultKind.CRASH_ORCHESTRATOR)),
    ]  # fmt: skip


# --- what is armed ----------------------------------------------------------------------------------------------------


def fault_word(fault: ArmedFault) -> str:
    """In few words, for the card in the form."""
    undoing = fault.acts_on_undo
    match fault.kind:
        case FaultKind.FAIL_STEP:
            return tr("fails")
        case FaultKind.REPLY_LOST:
            word = tr("undoing: reply lost") if undoing else tr("reply lost")
            return tr("{what}, once", what=word) if fault.times == 1 else word
        case FaultKind.SLOW:
            return tr("slow by {s} s", s=figures.decimal(fault.delay_ms / MS))
        case FaultKind.FAIL_COMPENSATION:
            return tr("undoing fails for good") if fault.final else tr("undoing fails once")
        case FaultKind.CRASH_ORCHESTRATOR:
            return tr("crash before it") if fault.before else tr("crash after it")


def fault_tag(fault: ArmedFault, *, is_hit: bool) -> str:
    """For the edge of the card that it acts on: its name, and whether it acted."""
    kind = fault.kind.value
    return tr("{kind} hit", kind=kind) if is_hit else tr("{kind} armed", kind=kind)


def explained(fault: ArmedFault, *, is_hit: bool) -> str:
    """For the inspector of the step."""
    kind = fault.kind.value
    if is_hit:
        return tr("You armed {kind} on this run, and it acted. Other runs are not touched.", kind=kind)
    return tr("You armed {kind} on this run. It has not acted yet. Other runs are not touched.", kind=kind)


def tag_in_force(kind: str, *, is_hit: bool, can_act: bool) -> str:
    """For a fault that acts on the step in every run."""
    if is_hit:
        return tr("{kind} hit", kind=kind)
    return tr("{kind} in force", kind=kind) if can_act else tr("{kind} in next runs", kind=kind)


def explained_in_force(kind: str, *, is_hit: bool, can_act: bool) -> str:
    """For the inspector of the step."""
    if is_hit:
        return tr("You injected {kind} into every run, and it hit this one.", kind=kind)
    if can_act:
        return tr("You injected {kind} into every run. It can still hit this one.", kind=kind)
    return tr("You injected {kind} into every run. This one is past it: it waits for the next.", kind=kind)


def prediction(faults: Mapping[str, ArmedFault], steps: Sequence[DefinedStep]) -> str:
    """How a run will end that is started with these."""
    if not faults:
        return tr("Nothing is armed: it runs as in production.")
    is_past_pivot = False
    turns = False
    for step in steps:
        if (fault := faults.get(step.name)) is not None and _turns_back(fault, step):
            if is_past_pivot:
                return tr("Past the point of no return: it waits for you to retry or skip.")
            turns = True
            break
        is_past_pivot = is_past_pivot or step.pivot
    stuck = any(fault.kind is FaultKind.FAIL_COMPENSATION and fault.final for fault in faults.values())
    crashes = any(fault.kind is FaultKind.CRASH_ORCHESTRATOR for fault in faults.values())
    if turns and stuck:
        return tr("Turns back and gets stuck: it waits for you to retry or skip.")
    if turns:
        return tr("Will end as compensated: nothing stays reserved or charged.")
    if any(fault.acts_on_undo for fault in faults.values()):
        return tr("Will complete: what is armed for undoing acts only if a step fails, too.")
    if crashes:
        return tr("Will complete: the orchestrator dies, comes back and goes on.")
    return tr("Will complete, later than usual.")


def _turns_back(fault: ArmedFault, step: DefinedStep) -> bool:
    if fault.acts_on_undo:
        return False
    match fault.kind:
        case FaultKind.FAIL_STEP:
            return True
        case FaultKind.REPLY_LOST:
            return fault.times is None
        case FaultKind.SLOW:
            return fault.times is None and fault.delay_ms >= step.timeout_s * MS
        case _:
            return False


def wire(faults: Mapping[str, ArmedFault]) -> dict[str, dict[str, Any]]:
    """As the API is asked."""
    return {step: msgspec.to_builtins(fault) for step, fault in faults.items()}
