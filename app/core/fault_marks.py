"""What the faults in force act on, for the tags on what is shown of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from app.core.fault_words import headline
from embedded_services.contracts.faults import Fault, FaultState, FaultTarget
from embedded_services.contracts.settings import Settings

IN_FORCE: Final = frozenset({FaultState.PENDING, FaultState.ACTIVE})

_ONCE: Final = frozenset({"kill", "terminate", "restart"})

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
