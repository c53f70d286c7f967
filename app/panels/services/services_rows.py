"""The rows of the Services panel, made of what the stream tells: `(sources, asked, readings, now) → rows`. Pure.

Figures that tick are rounded here, so that a row that looks the same *is* the same and is not painted again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from app.core import figures
from app.core.fault_marks import Marks
from app.core.language import tr
from app.core.reasons import in_short, spoken
from app.core.statuses import status_word
from app.panels.services.readings import Readings
from app.panels.services.strategy_words import strategy_word
from embedded_services.contracts.instances import Instance, LastCheck
from embedded_services.contracts.settings import Replicas
from embedded_services.contracts.system import Process, Service

MAX_REPLICAS: Final[int] = get_args(Replicas)[1].le
FRESH_S: Final = 2.0
"""Checks come each second: one that is younger is news, and its age would only flicker."""
EXTERNAL: Final = "external"
"""The kind of a service that exists only because somebody registered an instance of it."""


@dataclass(frozen=True)
class Sources:
    """What the feed knows, and when that was. `age_s` is None while it is being told, else how old it is."""

    services: Mapping[str, Service]
    instances: Mapping[str, Instance]
    processes: Mapping[str, Process]
    now: float
    age_s: float | None = None
    broken: Marks = field(default_factory=dict)


@dataclass
class Asked:
    """What the user asked for and the stream has not shown yet: actions by instance, replicas by service."""

    actions: dict[str, str] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class InstanceRow:
    """`doing` is the action that is under way; `is_last` that no other instance of the service is in rotation; `fault` says
    which faults act on it.

    Seconds are whole, milliseconds have one decimal. `latency` is p99 by the second, the newest last.
    """

    id: str
    service: str
    status: str
    reason: str
    why: str
    in_rotation: bool
    is_last: bool
    external: bool
    doing: str | None
    address: str
    port: int
    pid: int | None
    started_at: float | None
    up_s: int | None
    restarts: int | None
    weight: int
    in_flight: int
    requests: int
    failures: int
    p50: float | None
    p99: float | None
    latency: Sequence[float | None]
    memory_mb: int | None
    expires_in_s: int | None
    fault: str = ""
    check: LastCheck | None = field(compare=False, default=None)

    @property
    def key(self) -> tuple[str, ...]:
        return (self.service, self.id)


@dataclass(frozen=True)
class ServiceRow:
    """`replicas` is what was asked for, `total` what there is; `status` the lamp that sums its instances up."""

    name: str
    external: bool
    status: str
    summary: str
    reason: str
    total: int
    in_rotation: int
    replicas: int
    is_scaling: bool
    strategy: str
    rate: float | None
    requests: int
    failures: int
    fault: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return (self.name,)


TreeRow = InstanceRow | ServiceRow


def tree_rows(
    sources: Sources, asked: Asked, readings: Readings
) -> list[tuple[ServiceRow, list[InstanceRow]]]:
    """Services in the control plane's order, each with its instances, ours before those of others."""
    groups = []
    for name in dict.fromkeys([*sources.services, *(i.service for i in sources.instances.values())]):
        instances = sorted(
            (instance for instance in sources.instances.values() if instance.service == name),
            key=lambda instance: (instance.external, len(instance.id), instance.id),
        )
        members = [_instance_row(instance, instances, sources, asked, readings) for instance in instances]
        groups.append((_service_row(name, instances, sources, asked, readings), members))
    return groups


def totals(groups: Sequence[tuple[ServiceRow, Sequence[InstanceRow]]], age_s: float | None) -> str:
    """The sentence beside the panel's title."""
    instances = [row for _, rows in groups for row in rows]
    parts = [
        tr("1 service") if len(groups) == 1 else tr("{n} services", n=len(groups)),
        tr("1 instance") if len(instances) == 1 else tr("{n} instances", n=len(instances)),
    ]
    if age_s is None:
        parts.append(tr("{n} in rotation", n=sum(row.in_rotation for row in instances)))
    else:
        parts.append(tr("last reading {ago}", ago=figures.ago(age_s)))
    return " · ".join(parts)


def check_words(check: LastCheck | None, now: float) -> str:
    """`0.3 s ago, no reply within 500 ms`, for the inspector."""
    if check is None:
        return figures.NONE
    result = tr("{ms} ms", ms=figures.decimal(check.latency_ms)) if check.ok else spoken(check.message)
    return f"{figures.ago(now - check.at)}, {result}"


# --- pieces -----------------------------------------------------------------------------------------------------------


def _instance_row(
    instance: Instance, siblings: Collection[Instance], sources: Sources, asked: Asked, readings: Readings
) -> InstanceRow:
    process = sources.processes.get(instance.id)
    started_at = process.started_at if process else None
    memory = process.pss if process else None
    rotating = sum(sibling.in_rotation for sibling in siblings)
    expires_at = instance.expires_at
    return InstanceRow(
        id=instance.id,
        service=instance.service,
        status=instance.status.value,
        reason=spoken(instance.reason),
        why=_why(instance, len(siblings), rotating, sources),
        in_rotation=instance.in_rotation,
        is_last=instance.in_rotation and rotating == 1,
        external=instance.external,
        doing=asked.actions.get(instance.id),
        address=f"{instance.host}:{instance.port}",
        port=instance.port,
        pid=instance.pid,
        started_at=started_at,
        up_s=None if started_at is None else max(0, int(sources.now - started_at)),
        restarts=process.restarts if process else None,
        weight=instance.weight,
        in_flight=instance.in_flight,
        requests=instance.requests,
        failures=instance.failures,
        p50=_tenths(instance.latency_ms.p50),
        p99=_tenths(instance.latency_ms.p99),
        latency=readings.latency(instance.id),
        memory_mb=None if memory is None else round(memory / 2**20),
        expires_in_s=None if expires_at is None else max(0, int(expires_at - sources.now)),
        fault=sources.broken.get(instance.id, ""),
        check=instance.last_check,
    )


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _why(instance: Instance, total: int, rotating: int, sources: Sources) -> str:
    """What stands behind the status: for a healthy one how fresh that is, else what happened to it."""
    if sources.age_s is not None:
        return tr("last reading {ago}", ago=figures.ago(sources.age_s))
    check = instance.last_check
    if instance.status != "healthy" or check is None or not check.ok:
        return in_short(instance.status.value, instance.reason)
    if rotating == 1 and instance.in_rotation and total > 1:
        return tr("takes all traffic")
    age = sources.now - check.at
    return tr("checked {ago}", ago=figures.ago(age if age >= FRESH_S else 0.0))


def _service_row(
    name: str, instances: Sequence[Instance], sources: Sources, asked: Asked, readings: Readings
) -> ServiceRow:
    service = sources.services.get(name)
    rotating = sum(instance.in_rotation for instance in instances)
    set_replicas = service.replicas if service else 0
    replicas = asked.replicas.get(name, set_replicas)
    status, summary = _sum_up(instances, rotating)
    return ServiceRow(
        name=name,
        external=service is None or service.kind == EXTERNAL,
        status=status,
        summary=summary,
        reason=service.reason if service else "",
        total=len(instances),
        in_rotation=rotating,
        replicas=replicas,
        is_scaling=name in asked.replicas,
        strategy=strategy_word(service.strategy.value) if service else "",
        rate=readings.rate([instance.id for instance in instances]),
        requests=sum(instance.requests for instance in instances),
        failures=sum(instance.failures for instance in instances),
        fault=sources.broken.get(name, ""),
    )


def _sum_up(instances: Sequence[Instance], rotating: int) -> tuple[str, str]:
    """The lamp and the words for all instances of a service together. Green only when every one is healthy."""
    total = len(instances)
    away = {instance.status.value for instance in instances if not instance.in_rotation}
    ill = [
        f"{i.id} {status_word(i.status).lower()}"
        for i in instances
        if i.in_rotation and i.status != "healthy"
    ]
    if total == 0:
        return "stopped", tr("no instances")
    if rotating == 0:
        return ("starting" if away == {"starting"} else "unhealthy"), tr("none in rotation")
    if rotating < total:
        calm = len(away) == 1 and away & {"starting", "draining"}
        return (away.pop() if calm else "degraded"), tr("{n} of {total} in rotation", n=rotating, total=total)
    summary = {1: tr("in rotation"), 2: tr("both in rotation")}.get(total, tr("all {n} in rotation", n=total))
    return ("degraded", " · ".join([summary, *ill])) if ill else ("healthy", summary)
