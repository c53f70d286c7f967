"""A small shop as the stream tells it, and a port in front of it: for tests of the Services panel without a system."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from app.core.feed import Feed
from app.core.messages import NotConnectedError
from embedded_services.client.control_client import Action
from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.instances import Change, Instance, LastCheck, Latency, Status
from embedded_services.contracts.settings import ServicePatch, Strategy
from embedded_services.contracts.stream import Delta, Events, Snapshot
from embedded_services.contracts.system import ActionResult, Process, Registered, Registration, Service
from tests.helpers.clock import FakeClock

NOW = 1_700_000_000.0


def instance(identity: str, **changes: Any) -> Instance:
    """Healthy, passing its checks, without a call so far."""
    service, _, number = identity.rpartition("-")
    plain = Instance(
        id=identity, incarnation=1, service=service, host="127.0.0.1", port=3000 + int(number), pid=48200 + int(number),
        external=False, weight=1, status=Status.HEALTHY, in_rotation=True, since=NOW - 360.0,
        reason="passing its checks", in_flight=0, requests=0, failures=0, latency_ms=Latency(),
        last_check=LastCheck(at=NOW - 0.4, ok=True, latency_ms=2.1, message="ok"), registered_at=NOW - 363.0,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def frozen(identity: str, **changes: Any) -> Instance:
    """Frozen, found out, out of rotation."""
    check = LastCheck(at=NOW - 0.3, ok=False, latency_ms=None, message="no reply within 500 ms")
    return instance(
        identity,
        **{
            "status": Status.FROZEN, "in_rotation": False, "last_check": check,
            "reason": "frozen; 3 checks in a row failed: no reply within 500 ms",
        } | changes,
    )  # fmt: skip


def crash_looping(identity: str, **changes: Any) -> Instance:
    reason = "exit code 1; ended 5 times within 30 s, restart it when the cause is gone"
    return instance(
        identity,
        **{
            "status": Status.CRASH_LOOPING, "in_rotation": False, "pid": None, "reason": reason, "last_check": None,
        } | changes,
    )  # fmt: skip


def service(name: str, replicas: int = 2, **changes: Any) -> Service:
    ids = [f"{name}-{number}" for number in range(1, replicas + 1)]
    plain = Service(
        name=name, kind=name, replicas=replicas, strategy=Strategy.ROUND_ROBIN, instances=ids,
        in_rotation=replicas, reason=f"all {replicas} in rotation",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def process(identity: str, **changes: Any) -> Process:
    plain = Process(
        name=identity, role=identity.rpartition("-")[0], pid=48201, status="healthy", reason="passing its checks",
        since=NOW - 360.0, incarnation=1, port=3001, restarts=0, pss=33 * 2**20, cpu=0.01, started_at=NOW - 363.0,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def change(seq: int, identity: str, before: Status | None, after: Status | None, **changes: Any) -> Change:
    plain = Change(
        seq=seq, at=NOW - 10.0, instance=identity, service=identity.rpartition("-")[0], incarnation=1, before=before,
        after=after, in_rotation=after is Status.HEALTHY, cause="check", reason="passing its checks",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


class FakeControl:
    """Writes down what it is asked. `refusal` is raised by the next call."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.refusal: ControlError | None = None

    def _take(self, *asked: Any) -> None:
        self.asked.append(asked)
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            raise refusal

    async def act_on_instance(self, identity: str, action: Action) -> ActionResult:
        self._take(action, identity)
        return ActionResult(id=identity, action=action, pid=1, detail="")

    async def patch_service(self, name: str, patch: ServicePatch) -> Service:
        self._take("replicas", name, patch.replicas)
        return service(name, patch.replicas or 0)

    async def register(self, name: str, identity: str, registration: Registration) -> Registered:
        self._take("register", name, identity, registration)
        return Registered(id=identity, expires_at=NOW + registration.ttl)

    async def heartbeat(self, name: str, identity: str) -> Registered:
        self._take("heartbeat", name, identity)
        return Registered(id=identity, expires_at=NOW)

    async def deregister(self, name: str, identity: str) -> None:
        self._take("deregister", name, identity)


class FakePort:
    """A feed that tests fill by hand, and a control plane that does nothing."""

    gateway = None
    workspace = Path("/nowhere")

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.feed = Feed(self.clock)
        self.client: FakeControl | None = FakeControl()
        self._rev = 0
        self._seq = 0

    def control(self) -> Any:
        if self.client is None:
            raise NotConnectedError
        return self.client

    def connect(self) -> None:
        self.feed.connection_changed(Connection(True, NOW))

    def lose(self, reason: str = "the control plane fell silent") -> None:
        self.feed.connection_changed(Connection(False, NOW, reason))

    def tell(
        self, services: Iterable[Service], instances: Iterable[Instance], processes: Iterable[Process] = ()
    ) -> None:
        """The whole state, as a snapshot, over a connection that works."""
        self._rev += 1
        self.connect()
        state = {
            "services": {row.name: msgspec.to_builtins(row) for row in services},
            "instances": {row.id: msgspec.to_builtins(row) for row in instances},
            "processes": {row.name: msgspec.to_builtins(row) for row in processes},
        }
        self.feed.take(Snapshot(rev=self._rev, state=state))

    def tell_instances(self, *instances: Instance, removed: Iterable[str] = ()) -> None:
        self._rev += 1
        rows = {row.id: msgspec.to_builtins(row) for row in instances}
        self.feed.take(Delta(rev=self._rev, set={"instances": rows}, remove={"instances": list(removed)}))

    def tell_services(self, *services: Service) -> None:
        self._rev += 1
        rows = {row.name: msgspec.to_builtins(row) for row in services}
        self.feed.take(Delta(rev=self._rev, set={"services": rows}))

    def tell_changes(self, *changes: Change) -> None:
        first = self._seq + 1
        self._seq += len(changes)
        items = [msgspec.to_builtins(row) for row in changes]
        self.feed.take(Events(topic="journal", from_seq=first, to_seq=self._seq, items=items, skipped=0))
