"""From a wish to a fault that makes sense: its kind, its target and its parameters, checked against what there is. Pure.

What is refused is refused with the field, and where a name is wrong, with the names that there are.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import FaultFamily, FaultLayer, FaultScope, FaultTarget, NewFault
from embedded_services.contracts.queues import handled_by
from embedded_services.contracts.validation import invalid
from embedded_services.control.faults.record import Aimed, Present, Record
from embedded_services.faults.catalogue import Kind, kind_of
from embedded_services.faults.matching import patterns_meet
from embedded_services.faults.precedence import contradiction

API = "/api/"
MOST = 200
"""Faults in force at a time."""


@dataclass(frozen=True)
class Scene:
    """What there is to aim at: `instances` with their services, `processes` all that this system has started, by name.
    `routes` are the gateway's, each a path and the service that it leads to.
    `callers` are the processes that call services. `bound` are the patterns of the events that come to a queue, where they are
    known. `undoable` are the steps of sagas that can be undone. Of `queues`, `callers` and `sagas` (their steps, by saga) an
    empty one says that nobody knows."""

    services: Collection[str]
    instances: Mapping[str, str]
    external: Collection[str]
    processes: Collection[str]
    queues: Collection[str] = ()
    routes: Collection[tuple[str, str]] = ()
    sagas: Mapping[str, Collection[str]] = field(default_factory=dict)
    callers: Collection[str] = ()
    bound: Mapping[str, Collection[str]] = field(default_factory=dict)
    undoable: Mapping[str, Collection[str]] = field(default_factory=dict)


def aim(wish: NewFault, scene: Scene, present: Iterable[Record]) -> Aimed:
    """Raises ApiError: VALIDATION_FAILED for what is wrong by itself, CONFLICT for what contradicts a fault in force."""
    kind = kind_of(wish.kind)
    if not kind.armable:
        raise invalid("kind", f"{kind.name} is not armed: the request console sends such a token")
    _check_fields(kind, wish.target)
    aimed = Aimed(wish, kind, _resolved(kind, wish.target, scene), kind.read(wish.params), _scope(kind, wish))
    _check_can_act(aimed, scene)
    if not kind.draws and wish.probability < 1:
        raise invalid("probability", f"means nothing for {kind.name}, which nothing is drawn for", bound=1)
    there = list(present)
    if len(there) >= MOST:
        raise ApiError("CONFLICT", f"{MOST} faults are in force already; remove one first")
    for record in there:
        why = contradiction(aimed, Present(record))
        if why is not None:
            raise ApiError("CONFLICT", f"{kind.name} contradicts {record.kind.name} ({record.id}): {why}")
    return aimed


def _scope(kind: Kind, wish: NewFault) -> FaultScope:
    if wish.scope is None:
        return kind.scopes[0]
    if wish.scope not in kind.scopes:
        raise invalid("scope", f"must be one of {', '.join(kind.scopes)} for {kind.name}")
    return wish.scope


def _check_fields(kind: Kind, target: FaultTarget) -> None:
    given = [name for name in target.__struct_fields__ if getattr(target, name) is not None]
    known = (*kind.needs, *kind.allows)
    for name in given:
        if name not in known:
            raise invalid(
                f"target.{name}", f"is nothing that {kind.name} is aimed by; it takes: {', '.join(known)}"
            )
    needed = [name for name in kind.needs if name in given]
    if kind.needs and not needed:
        which = kind.needs[0] if len(kind.needs) == 1 else f"one of {', '.join(kind.needs)}"
        raise invalid("target" if len(kind.needs) > 1 else f"target.{which}", f"needs {which}")
    if kind.exclusive and len(needed) > 1:
        raise invalid("target", f"takes only one of {', '.join(kind.needs)}")


def _resolved(kind: Kind, target: FaultTarget, scene: Scene) -> FaultTarget:
    """With the service that the instance belongs to."""
    if target.service is not None:
        _must_be("service", target.service, scene.services)
    if target.process is not None:
        _must_be("process", target.process, scene.processes)
    if target.queue is not None and scene.queues:
        _must_be("queue", target.queue, scene.queues)
    _check_saga(target, scene)
    if target.instance is None:
        _check_route(target.route, target.service, scene)
        _check_handled(target.queue, target.service, scene)
        return target
    _must_be("instance", target.instance, scene.instances)
    service = scene.instances[target.instance]
    if target.service is not None and target.service != service:
        mine = ", ".join(name for name, of in scene.instances.items() if of == target.service)
        raise invalid(
            "target.instance", f"{target.instance!r} is not one of {target.service}; there are: {mine}"
        )
    if target.instance in scene.external and kind.layer is not FaultLayer.EDGE:
        raise invalid("target.instance", f"{target.instance} was not started by this system: {_reach(kind)}")
    _check_route(target.route, service, scene)
    _check_handled(target.queue, service, scene)
    return msgspec.structs.replace(target, service=service)


def _reach(kind: Kind) -> str:
    if kind.family is FaultFamily.PROCESS:
        return "its process is not ours to touch"
    return "only faults of the HTTP edge reach it"


def _check_handled(queue: str | None, service: str | None, scene: Scene) -> None:
    """A service handles what is in its own queues, and nothing else."""
    if queue is None or service is None or not scene.queues or handled_by(queue) == service:
        return
    own = ", ".join(sorted(name for name in scene.queues if handled_by(name) == service))
    raise invalid(
        "target.queue",
        f"{queue} is handled by {handled_by(queue)}, not by {service}; its own are: {own or 'none'}",
    )


def _check_route(route: str | None, service: str | None, scene: Scene) -> None:
    """A path of the gateway's must lead somewhere, and to the service that is meant. Others are the services' own affair."""
    if route is None or not scene.routes or not route.startswith(API):
        return
    leads_to = [to for prefix, to in scene.routes if _may_share(route, prefix)]
    if not leads_to:
        known = ", ".join(dict.fromkeys(prefix for prefix, _ in scene.routes))
        raise invalid("target.route", f"there is no route {route!r}; there are: {known}")
    if service is not None and service not in leads_to:
        raise invalid(
            "target.route", f"{route} leads to {', '.join(dict.fromkeys(leads_to))}, not to {service}"
        )


def _may_share(one: str, other: str) -> bool:
    """Whether a path can lie below both; `*` and `{name}` are any one segment."""
    return all(
        mine == theirs or "*" in (mine, theirs) or mine.startswith("{")
        for mine, theirs in zip(one.strip("/").split("/"), other.strip("/").split("/"), strict=False)
    )


def _check_saga(target: FaultTarget, scene: Scene) -> None:
    if not scene.sagas:
        return
    if target.saga is not None:
        _must_be("saga", target.saga, scene.sagas)
    if target.step is not None:
        steps = scene.sagas[target.saga] if target.saga else [s for of in scene.sagas.values() for s in of]
        _must_be("step", target.step, list(dict.fromkeys(steps)))


def _check_can_act(aimed: Aimed, scene: Scene) -> None:
    """What is there, but never does what the fault would act on."""
    target, kind = aimed.aim, aimed.of
    caller = target.process if kind.layer is FaultLayer.EDGE and scene.callers else None
    if caller is not None and caller not in scene.callers:
        callers = ", ".join(scene.callers)
        raise invalid("target.process", f"{caller} calls no service; those that do: {callers}")
    if target.step is not None and scene.sagas and _undoes(aimed):
        sagas = [target.saga] if target.saga else list(scene.sagas)
        undoable = list(dict.fromkeys(step for saga in sagas for step in scene.undoable.get(saga, ())))
        if target.step not in undoable:
            known = ", ".join(undoable) or "none"
            raise invalid("target.step", f"{target.step} is never undone; those that can be: {known}")
    if "queue" in kind.needs and scene.queues:
        handlers = dict.fromkeys(handled_by(queue) for queue in scene.queues)
        if target.service is not None and target.service not in handlers:
            known = ", ".join(handlers)
            raise invalid("target.service", f"{target.service} handles no messages; those that do: {known}")
        if target.event is not None:
            _check_arrives(target.event, target, scene)


def _undoes(aimed: Aimed) -> bool:
    return aimed.kind == "fail-compensation" or bool(getattr(aimed.params, "undoing", False))


def _check_arrives(event: str, target: FaultTarget, scene: Scene) -> None:
    """The event comes to one of the queues that are meant."""
    queues = [
        queue
        for queue in scene.queues
        if target.queue in (None, queue) and target.service in (None, handled_by(queue))
    ]
    if any(queue not in scene.bound for queue in queues):
        return
    patterns = sorted({pattern for queue in queues for pattern in scene.bound[queue]})
    if not any(patterns_meet(event, pattern) for pattern in patterns):
        whose = target.queue or target.service or "anybody"
        known = ", ".join(patterns) or "none"
        raise invalid("target.event", f"no {event!r} comes to {whose}; what does: {known}")


def _must_be(field_: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise invalid(
            f"target.{field_}", f"there is no {field_} {name!r}; there are: {', '.join(known) or 'none'}"
        )
