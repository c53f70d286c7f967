"""What a fault can be aimed at now, by the kind's descriptor and the present system. Pure.

`Scene` is what is known of the system; `places` are the choices of the fields that a kind needs, in one list where one
of several fields is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.core.language import tr
from embedded_services.contracts.faults import FaultKindInfo, FaultLayer
from embedded_services.contracts.instances import Instance
from embedded_services.contracts.sagas import SagaDefinition
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.system import Process, Service

WHO: Final = ("service", "instance", "process")
"""Fields of which one list offers the choices."""

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Scene:
    """The system as it was last told. `events` are types that were seen."""

    services: Mapping[str, Service] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    processes: Mapping[str, Process] = field(default_factory=dict)
    settings: Settings | None = None
    queues: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    sagas: tuple[SagaDefinition, ...] = ()


@dataclass(frozen=True)
class Place:
    """Something to aim at: the target's fields, a word for it, and a note beside it. `status` is a lamp's."""

    fields: tuple[tuple[str, str], ...]
    word: str
    note: str = ""
    status: str = ""


def places(info: FaultKindInfo, scene: Scene) -> list[Place]:
    """The choices for what the kind needs of service, instance and process; for a saga's fault, its steps."""
    found: list[Place] = []
    if "step" in info.needs:
        return _steps(scene)
    if "service" in info.needs:
        found += [_service(row) for row in scene.services.values()]
    if "instance" in info.needs:
        found += [
            _instance(row)
            for row in scene.instances.values()
            if not row.external or info.layer is FaultLayer.EDGE
        ]
    if "process" in info.needs:
        known = scene.instances.keys()
        found += [
            Place((("process", row.name),), row.name, row.role if row.role != row.name else "", row.status)
            for row in scene.processes.values()
            if row.name not in known and row.name != "control"
        ]
    return found


def other_fields(info: FaultKindInfo) -> list[str]:
    """Fields that are asked for one by one: needed ones that `places` does not offer, then those that narrow it down."""
    asked = [name for name in info.needs if name not in WHO and name != "step"]
    offered = {"saga"} if "step" in info.needs else set()
    given = {name for name in WHO if name in info.needs}
    return asked + [name for name in info.allows if name not in offered and name not in given]


def suggestions(name: str, scene: Scene) -> list[str]:
    """What may stand in such a field; it may be written by hand too."""
    routes = scene.settings.routes if scene.settings is not None else []
    known = {
        "process": ["gateway", "orchestrator", *scene.instances],  # who calls
        "instance": list(scene.instances),
        "method": list(METHODS),
        "route": sorted({route.prefix for route in routes}),
        "queue": list(scene.queues),
        "event": list(scene.events),
        "saga": [one.name for one in scene.sagas],
    }
    return known.get(name, [])


def field_words() -> dict[str, str]:
    return {
        "service": tr("Service"),
        "instance": tr("Instance"),
        "process": tr("Only calls from"),
        "route": tr("Route"),
        "method": tr("Method"),
        "header": tr("Header"),
        "user": tr("User"),
        "queue": tr("Queue"),
        "event": tr("Event"),
        "saga": tr("Saga"),
        "step": tr("Step"),
    }


def _service(row: Service) -> Place:
    note = tr("{n} of {total} in rotation", n=row.in_rotation, total=len(row.instances))
    status = (
        "healthy" if row.in_rotation == len(row.instances) else "degraded" if row.in_rotation else "unhealthy"
    )
    return Place((("service", row.name),), row.name, note, status)


def _instance(row: Instance) -> Place:
    return Place((("instance", row.id),), row.id, row.service, row.status.value)


def _steps(scene: Scene) -> list[Place]:
    return [
        Place((("saga", saga.name), ("step", step.name)), step.name, saga.name)
        for saga in scene.sagas
        for step in saga.steps
    ]
