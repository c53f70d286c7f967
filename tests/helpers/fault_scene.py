"""A small system to aim faults at, as the window knows it."""

from typing import Any

import msgspec

from app.core.fault_targets import Scene
from embedded_services.contracts.instances import Instance, Latency, Status
from embedded_services.contracts.sagas import DefinedStep, SagaDefinition
from embedded_services.contracts.settings import Settings, Strategy
from embedded_services.contracts.system import Process, Service
from tests.helpers.child import demo_settings

NOW = 1_700_000_000.0


def instance(name: str, **changes: Any) -> Instance:
    row = Instance(
        id=name, incarnation=1, service=name.rpartition("-")[0], host="127.0.0.1", port=3001, pid=4711, external=False,
        weight=1, status=Status.HEALTHY, in_rotation=True, since=NOW, reason="", in_flight=0, requests=100, failures=0,
        latency_ms=Latency(p50=4.0, p99=12.0), last_check=None, registered_at=NOW,
    )  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def service(name: str, instances: list[str], in_rotation: int | None = None) -> Service:
    return Service(
        name=name, kind=name, replicas=len(instances), strategy=Strategy.ROUND_ROBIN, instances=instances,
        in_rotation=len(instances) if in_rotation is None else in_rotation, reason="",
    )  # fmt: skip


def process(name: str, role: str = "") -> Process:
    return Process(
        name=name, role=role or name, pid=4000, status="healthy", reason="", since=NOW, incarnation=1, port=3000,
        restarts=0,
    )  # fmt: skip


def scene(*instances: Instance, settings: Settings | None = None) -> Scene:
    """Two instances each of order and payment unless given; a gateway, a broker, an orchestrator; one saga."""
    rows = instances or tuple(instance(f"{name}-{n}") for name in ("order", "payment") for n in (1, 2))
    members: dict[str, list[Instance]] = {}
    for row in rows:
        members.setdefault(row.service, []).append(row)
    return Scene(
        services={
            name: service(name, [row.id for row in found], sum(row.in_rotation for row in found))
            for name, found in members.items()
        },
        instances={row.id: row for row in rows},
        processes={
            **{name: process(name) for name in ("control", "gateway", "broker", "orchestrator")},
            **{row.id: process(row.id, row.service) for row in rows},
        },
        settings=settings or demo_settings(),
        queues=("notification.events",),
        events=("order.created",),
        sagas=(
            SagaDefinition(
                name="order-processing",
                steps=[
                    DefinedStep(name="reserve-inventory", service="order", undoable=True),
                    DefinedStep(name="process-payment", service="payment", undoable=True),
                ],
            ),
        ),
    )
