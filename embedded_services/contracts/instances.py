"""What is known of an instance: the row of the Services panel and of `GET /v1/instances`."""

from enum import StrEnum

from embedded_services.contracts.wire import Message, Timestamp


class Status(StrEnum):
    """Shown for an instance. Whether it receives requests is said apart, by `in_rotation`."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    STOPPED = "stopped"
    LOST = "lost"
    FROZEN = "frozen"
    CRASH_LOOPING = "crash-looping"


class Latency(Message, frozen=True):
    """Milliseconds over the last ten seconds of calls; null when there was none."""

    p50: float | None = None
    p99: float | None = None


class LastCheck(Message, frozen=True):
    """The newest health check. `latency_ms` is null when there was no answer."""

    at: Timestamp
    ok: bool
    latency_ms: float | None
    message: str


class Instance(Message, frozen=True):
    """`in_flight`, `requests`, `failures` and `latency_ms` are sums over all callers, as the callers saw them."""

    id: str
    incarnation: int
    service: str
    host: str
    port: int
    pid: int | None
    external: bool
    weight: int
    status: Status
    in_rotation: bool
    since: Timestamp
    reason: str
    in_flight: int
    requests: int
    failures: int
    latency_ms: Latency
    last_check: LastCheck | None
    registered_at: Timestamp
    expires_at: Timestamp | None = None


class Change(Message, frozen=True):
    """One entry of the registry's journal. `cause` is what brought it about: `exit`, `check`, `action`, …"""

    seq: int
    at: Timestamp
    instance: str
    service: str
    incarnation: int
    before: Status | None
    after: Status | None
    in_rotation: bool
    cause: str
    reason: str
