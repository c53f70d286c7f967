"""From what the control plane holds to what it shows: the rows of the control API and of the stream."""

from dataclasses import dataclass

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.version import __version__
from embedded_services.contracts.instances import Instance, Status
from embedded_services.contracts.secret_fields import without_password
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.system import Process, Service, System, SystemStatus
from embedded_services.control.calls import CallBook
from embedded_services.control.settings_store import SettingsStore
from embedded_services.control.slots import GATEWAY, Slot
from embedded_services.control.supervisor import Supervisor
from embedded_services.control.usage import Usage
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.lifecycle import Entry


@dataclass(kw_only=True)
class Facts:
    """What is fixed for a run, and the phase it is in."""

    pid: int
    started_at: float
    workspace: str
    control_url: str
    broker_url: str | None = None
    ready: bool = False
    stopping: bool = False


class Views:
    def __init__(
        self,
        facts: Facts,
        supervisor: Supervisor,
        instances: Catalog,
        processes: Catalog,
        calls: CallBook,
        settings: SettingsStore,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._supervisor = supervisor
        self._instances = instances
        self._processes = processes
        self._calls = calls
        self._settings = settings
        self._clock = clock

    # --- instances and services -----------------------------------------------------------------------------------

    def instance(self, entry: Entry) -> Instance:
        calls = self._calls.of(entry.id)
        return Instance(
            id=entry.id,
            incarnation=entry.incarnation,
            service=entry.service,
            host=entry.host,
            port=entry.port,
            pid=entry.pid,
            external=entry.external,
            weight=entry.weight,
            status=entry.status,
            in_rotation=entry.in_rotation,
            since=entry.since,
            reason=entry.reason,
            in_flight=calls.in_flight,
            requests=calls.requests,
            failures=calls.failures,
            latency_ms=calls.latency_ms,
            last_check=entry.last_check,
            registered_at=entry.registered_at,
            expires_at=entry.expires_at,
        )

    def instances(self) -> list[Instance]:
        order = {name: index for index, name in enumerate(self._instances.services())}
        entries = sorted(self._instances, key=lambda e: (order[e.service], e.external, len(e.id), e.id))
        return [self.instance(entry) for entry in entries]

    def service(self, name: str) -> Service:
        entries = self._instances.of(name)
        settings = self._settings.current.services.get(name)
        rotating = [entry for entry in entries if entry.in_rotation]
        return Service(
            name=name,
            kind=settings.kind if settings else "external",
            replicas=settings.replicas if settings else 0,
            strategy=settings.strategy if settings else Strategy.ROUND_ROBIN,
            instances=[entry.id for entry in entries],
            in_rotation=len(rotating),
            reason=self._why(name, entries, rotating),
        )

    def _why(self, name: str, entries: list[Entry], rotating: list[Entry]) -> str:
        if not rotating:
            return self._instances.why_none(name)
        away = [f"{e.id} is {e.status.value} ({e.reason})" for e in entries if not e.in_rotation]
        return "; ".join(away) if away else f"all {len(entries)} in rotation"

    def services(self) -> list[Service]:
        return [self.service(name) for name in self._instances.services()]

    # --- processes and the system ---------------------------------------------------------------------------------

    def processes(self, usage: dict[int, Usage]) -> list[Process]:
        own = Process(
            name="control",
            role="control",
            pid=self._facts.pid,
            status=Status.HEALTHY,
            reason="answering",
            since=self._facts.started_at,
            incarnation=1,
            port=None,
            restarts=0,
            started_at=self._facts.started_at,
        )
        rows = [own, *(self._process(slot) for slot in self._supervisor.slots())]
        return [_with_usage(row, usage.get(row.pid) if row.pid else None) for row in rows]

    def _process(self, slot: Slot) -> Process:
        entry = slot.catalog.get(slot.id)
        return Process(
            name=slot.id,
            role=slot.role,
            pid=entry.pid,
            status=entry.status,
            reason=entry.reason,
            since=entry.since,
            incarnation=slot.incarnation,
            port=slot.port,
            restarts=slot.restarts,
            started_at=slot.started_wall if entry.pid is not None else None,
        )

    def gateway_url(self) -> str | None:
        return (
            f"http://127.0.0.1:{self._supervisor.get(GATEWAY).port}" if GATEWAY in self._supervisor else None
        )

    def system(self, processes: list[Process]) -> System:
        entries = list(self._instances)
        status, reason = self.status()
        return System(
            name=self._settings.current.name,
            version=__version__,
            status=status,
            reason=reason,
            uptime=round(self._clock.now() - self._facts.started_at, 3),
            started_at=self._facts.started_at,
            workspace=self._facts.workspace,
            gateway=self.gateway_url(),
            control=self._facts.control_url,
            broker=without_password(self._facts.broker_url) if self._facts.broker_url else None,
            healthy=sum(entry.status is Status.HEALTHY for entry in entries),
            total=len(entries),
            processes=processes,
        )

    def _serves(self, service: str) -> bool:
        return any(entry.in_rotation for entry in self._instances.of(service))

    def status(self) -> tuple[SystemStatus, str]:
        """`healthy` only when every process is known to be."""
        entries = [*self._processes, *self._instances]
        ill = [entry for entry in entries if entry.status is not Status.HEALTHY]
        if self._facts.stopping:
            return SystemStatus.STOPPING, "stopping"
        if not self._facts.ready:
            return SystemStatus.STARTING, f"{len(entries) - len(ill)} of {len(entries)} processes healthy"
        empty = [name for name in self._settings.current.services if not self._serves(name)]
        if not ill and not empty:
            return SystemStatus.HEALTHY, f"all {len(entries)} processes healthy"
        names = dict.fromkeys([*(entry.service or entry.id for entry in ill), *empty])
        return SystemStatus.DEGRADED, ", ".join(names)


def _with_usage(row: Process, usage: Usage | None) -> Process:
    return row if usage is None else msgspec.structs.replace(row, pss=usage.pss, cpu=usage.cpu)
