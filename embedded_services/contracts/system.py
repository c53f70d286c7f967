"""The system as a whole, its processes and its services."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from embedded_services.contracts.gateway import Attempt
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.wire import END, Message, Port, Request, Timestamp, Weight


class SystemStatus(StrEnum):
    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    STOPPING = "stopping"


class Process(Message, frozen=True):
    """A process of the system. `pss` is bytes and `cpu` a share of one core; both null where unknown.

    `status` is an instance's, or for the other processes one of the same words. `since` is when that began;
    `started_at` is when the present process was started, null while there is none.
    """

    name: str
    role: str
    pid: int | None
    status: str
    reason: str
    since: Timestamp
    incarnation: int
    port: int | None
    restarts: int
    pss: int | None = None
    cpu: float | None = None
    started_at: Timestamp | None = None


class System(Message, frozen=True):
    """`uptime` is seconds; `healthy` and `total` count instances."""

    name: str
    version: str
    status: SystemStatus
    reason: str
    uptime: float
    started_at: Timestamp
    workspace: str
    gateway: str | None
    control: str
    broker: str | None
    healthy: int
    total: int
    processes: list[Process] = []


class Service(Message, frozen=True):
    """`reason` says why there is none in rotation, or why fewer than there should be."""

    name: str
    kind: str
    replicas: int
    strategy: Strategy
    instances: list[str]
    in_rotation: int
    reason: str


class Registration(Request, frozen=True):
    """What a service that we did not start says of itself. `ttl` is seconds; a heartbeat renews it."""

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]+" + END, max_length=253)]
    port: Port
    ttl: Annotated[float, Meta(ge=1, le=3600, extra_json_schema={"x-unit": "s"})]
    health_path: Annotated[str, Meta(pattern=r"^/[!-~]*" + END, max_length=200)] | None = None
    weight: Weight = 1


class Registered(Message, frozen=True):
    id: str
    expires_at: Timestamp


class ActionResult(Message, frozen=True):
    """What an action did: `pid` is the process it was done to, `detail` a sentence for people."""

    id: str
    action: str
    pid: int | None
    detail: str


class Ready(Message, frozen=True):
    """The line that `python3 -m embedded_services` prints when all is healthy."""

    ready: bool
    gateway: str
    control: str
    token: str
    broker: str | None
    workspace: str


class RequestRecord(Message, frozen=True):
    """One request through the gateway. `took_ms` is what the client waited; `tries` counts calls upstream. `attempts` tell of
    each try, of a request that was sampled or did not go through at once; only a sampled one has spans."""

    id: str
    at: Timestamp
    method: str
    path: str
    status: int
    took_ms: float
    route: str | None
    service: str | None
    instance: str | None
    tries: int
    user: str | None
    client: str
    trace: str
    note: str = ""
    sampled: bool = False
    attempts: list[Attempt] = []
