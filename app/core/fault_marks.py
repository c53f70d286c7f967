"""What the faults in force act on, for the tags on what is shown of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.core.fault_words import headline
from embedded_services.contracts.faults import Fault, FaultState, FaultTarget
from embedded_services.contracts.queues import QueueState, is_handled
from embedded_services.contracts.sagas import ArmedFault, FaultKind
from embedded_services.contracts.settings import Settings

IN_FORCE: Final = frozenset({FaultState.PENDING, FaultState.ACTIVE})

_ONCE: Final = frozenset({"kill", "terminate", "restart"})
_HANDLING: Final = frozenset({"handler-failure", "duplicate", "delay", "reorder"})
"""Those that act where a message is taken from a queue."""

Marks = Mapping[str, str]
"""By the name of an instance, a service, a process or a queue: the faults that act on it, in few words."""


def marks(faults: Iterable[Fault], settings: Settings | None = None) -> Marks:
    """Each fault marks the narrowest that it is aimed at; one that is aimed at a route, the services that it leads to."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        if fault.state in IN_FORCE and not _is_done(fault):
            for name in _marked(fault.target, settings):
                found.setdefault(name, []).append(headline(fault))
    return {name: " · ".join(dict.fromkeys(words)) for name, words in found.items()}


def queue_marks(faults: Iterable[Fault], queues: Iterable[QueueState]) -> Marks:
    """By the name of a queue that is handled: the faults that act on what is taken from it."""
    handled = [queue for queue in queues if is_handled(queue.name)]
    found: dict[str, list[str]] = {}
    for fault in faults:
        if fault.state in IN_FORCE and fault.kind in _HANDLING:
            for queue in handled:
                if _acts_on(fault.target, queue):
                    found.setdefault(queue.name, []).append(headline(fault))
    return {name: " · ".join(dict.fromkeys(words)) for name, words in found.items()}


@dataclass(frozen=True)
class StepFault:
    """A fault in force on a step of every run of a saga, of any saga where `saga` is None. `undo`: on its way back. `runs` are
    the ids of the newest that it hit."""

    kind: str
    step: str
    saga: str | None
    undo: bool
    runs: frozenset[str]


def step_faults(faults: Iterable[Fault]) -> tuple[StepFault, ...]:
    """The oldest first."""
    found = (fault for fault in faults if fault.state in IN_FORCE and fault.target.step is not None)
    return tuple(_step_fault(fault) for fault in sorted(found, key=lambda one: one.armed_at))


def _step_fault(fault: Fault) -> StepFault:
    is_known = any(fault.kind == kind.value for kind in FaultKind)
    undoing = bool(fault.params.get("undoing"))
    return StepFault(
        kind=fault.kind,
        step=fault.target.step or "",
        saga=fault.target.saga,
        undo=ArmedFault(FaultKind(fault.kind), undoing=undoing).acts_on_undo if is_known else undoing,
        runs=frozenset(hit.request_id for hit in fault.proof.last),
    )


def _acts_on(target: FaultTarget, queue: QueueState) -> bool:
    if target.queue is not None and target.queue != queue.name:
        return False
    if target.service is not None and not queue.name.startswith(f"{target.service}."):
        return False
    wanted = target.event
    return wanted is None or any(_overlap(wanted.split("."), bound.split(".")) for bound in queue.bound or ())


def _overlap(one: list[str], other: list[str]) -> bool:
    """Whether some event is of both patterns, in which `*` is one word and `#` any number of them."""
    if not one and not other:
        return True
    if other and other[0] == "#":
        one, other = other, one
    if one and one[0] == "#":
        return _overlap(one[1:], other) or (bool(other) and _overlap(one, other[1:]))
    if not one or not other:
        return False
    return ("*" in (one[0], other[0]) or one[0] == other[0]) and _overlap(one[1:], other[1:])


def _is_done(fault: Fault) -> bool:
    """It was done once, and acts on nothing any more."""
    return fault.kind in _ONCE and not fault.params.get("stayDown")


def _marked(target: FaultTarget, settings: Settings | None) -> list[str]:
    for name in (target.instance, target.queue, target.service):
        if name is not None:
            return [name]
    if target.route is not None:
        return _behind(target.route, settings)
    return [target.process] if target.process is not None else []


def _behind(route: str, settings: Settings | None) -> list[str]:
    wanted = route if route.startswith("/api") else f"/api{route}"
    routes = settings.routes if settings is not None else []
    return list(
        dict.fromkeys(
            one.service for one in routes if wanted.startswith(one.prefix) or one.prefix.startswith(wanted)
        )
    )
