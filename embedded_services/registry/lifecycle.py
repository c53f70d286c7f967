"""The life of one instance as the registry sees it: `(entry, event, now) → entry`, pure.

Two things are told apart. `status` is what is true of the instance and is shown. `in_rotation` is whether callers are
sent to it. They part in one case: a process that was frozen is shown as frozen at once, because we did it, but stays
in rotation until its checks fail, because that is how a real freeze is found out.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from embedded_services.contracts.instances import LastCheck, Status
from embedded_services.contracts.settings import HealthPolicy


@dataclass(frozen=True, kw_only=True)
class Entry:
    """`since` and `registered_at` are seconds since the epoch; `expires_at` too, and only for external instances."""

    id: str
    service: str
    host: str
    port: int
    weight: int = 1
    external: bool = False
    health_path: str = "/health"
    incarnation: int = 0
    pid: int | None = None
    status: Status = Status.STARTING
    in_rotation: bool = False
    since: float
    reason: str = ""
    registered_at: float
    expires_at: float | None = None
    misses: int = 0
    passes: int = 0
    last_check: LastCheck | None = None


@dataclass(frozen=True)
class Started:
    """A new process was started for this slot."""

    incarnation: int
    pid: int
    port: int


@dataclass(frozen=True)
class Linked:
    """The process said that it listens on `port`, for the first time or again; its next check says how it is."""

    port: int


@dataclass(frozen=True)
class CheckPassed:
    latency_ms: float


@dataclass(frozen=True)
class CheckFailed:
    message: str


@dataclass(frozen=True)
class Exited:
    """The process is gone. `reason` says by what, and what happens next."""

    reason: str


@dataclass(frozen=True)
class CrashLooped:
    reason: str


@dataclass(frozen=True)
class Froze:
    reason: str


@dataclass(frozen=True)
class Thawed:
    reason: str


@dataclass(frozen=True)
class Draining:
    reason: str


@dataclass(frozen=True)
class Undrained:
    """It was to leave, but is wanted again."""

    reason: str


@dataclass(frozen=True)
class Lost:
    """Not heard of: its agent link is gone, or its registration was not renewed. One that is leaving stays so."""

    reason: str


@dataclass(frozen=True)
class Found:
    """Heard of again."""

    reason: str


@dataclass(frozen=True)
class Trusted:
    """It asked for no checks; that it renews itself is all there is to know."""


Event = (
    Started
    | Linked
    | CheckPassed
    | CheckFailed
    | Exited
    | CrashLooped
    | Froze
    | Thawed
    | Draining
    | Undrained
    | Lost
    | Found
    | Trusted
)

CRASHED_BY_FAULT = "crashed by a fault"
"""The reason of a process that ended itself because a fault told it to."""

CHECKED = frozenset({Status.STARTING, Status.HEALTHY, Status.UNHEALTHY, Status.FROZEN, Status.DRAINING})
"""The statuses in which a check makes sense."""


def step(entry: Entry, event: Event, now: float, policy: HealthPolicy) -> Entry:
    """What `event` makes of `entry`. `since` moves only when the status does, or a new process was started."""
    after = _step(entry, event, now, policy)
    if after.status is not entry.status:
        after = replace(after, since=now)
    return after


def is_check(before: Entry | None, after: Entry | None) -> bool:
    """Whether a check found what the one before had found."""
    if before is None or after is None or before.last_check == after.last_check:
        return False
    found = replace(before, last_check=after.last_check, misses=after.misses, passes=after.passes)
    return found == after


def _step(entry: Entry, event: Event, now: float, policy: HealthPolicy) -> Entry:  # noqa: C901 - one case an event
    match event:
        case Started(incarnation, pid, port):
            return replace(
                entry,
                incarnation=incarnation,
                pid=pid,
                port=port,
                status=Status.STARTING,
                in_rotation=False,
                reason="process started, not ready yet",
                misses=0,
                passes=0,
                last_check=None,
                since=now,
            )
        case Linked(port):
            first = entry.status is Status.STARTING
            return replace(
                entry, port=port, reason="listening, first check under way" if first else entry.reason
            )
        case CheckPassed(latency_ms):
            return _passed(entry, latency_ms, now, policy)
        case CheckFailed(message):
            return _failed(entry, message, now, policy)
        case Exited(reason):
            return replace(_out(entry, Status.STOPPED, reason), pid=None)
        case CrashLooped(reason):
            return replace(_out(entry, Status.CRASH_LOOPING, reason), pid=None)
        case Froze(reason):
            return replace(entry, status=Status.FROZEN, reason=reason, misses=0)
        case Thawed(reason):
            status = Status.HEALTHY if entry.in_rotation else Status.UNHEALTHY
            return replace(entry, status=status, reason=reason, misses=0, passes=0)
        case Draining(reason):
            return _out(entry, Status.DRAINING, reason)
        case Lost(reason):
            leaving = entry.status is Status.DRAINING  # and shall not come back when it is found again
            return replace(entry, reason=reason) if leaving else _out(entry, Status.LOST, reason)
        case Trusted():
            return replace(
                entry, status=Status.HEALTHY, in_rotation=True, reason="renews itself; asked for no checks"
            )
        case Undrained(reason) | Found(reason):
            return replace(_out(entry, Status.UNHEALTHY, reason), misses=0, passes=0)
    assert_never(event)


def _out(entry: Entry, status: Status, reason: str) -> Entry:
    return replace(entry, status=status, in_rotation=False, reason=reason)


def _passed(entry: Entry, latency_ms: float, now: float, policy: HealthPolicy) -> Entry:
    check = LastCheck(at=now, ok=True, latency_ms=round(latency_ms, 2), message="ok")
    entry = replace(entry, last_check=check, misses=0, passes=entry.passes + 1)
    if entry.status is Status.STARTING or (entry.status is Status.UNHEALTHY and entry.passes >= policy.rise):
        return replace(entry, status=Status.HEALTHY, in_rotation=True, reason="passing its checks")
    if entry.status is Status.HEALTHY:
        return replace(entry, reason="passing its checks")
    if entry.status is Status.FROZEN and now - latency_ms / 1000 > entry.since:
        reason = "answers its checks: somebody else thawed it"
        return replace(entry, status=Status.HEALTHY, in_rotation=True, reason=reason)
    return entry


def _failed(entry: Entry, message: str, now: float, policy: HealthPolicy) -> Entry:
    check = LastCheck(at=now, ok=False, latency_ms=None, message=message)
    misses = entry.misses + 1
    entry = replace(entry, last_check=check, misses=misses, passes=0)
    in_a_row = f"{misses} checks in a row failed: {message}" if misses > 1 else f"a check failed: {message}"
    match entry.status:
        case Status.FROZEN:
            if misses < policy.fall:
                return entry
            who = entry.reason.partition("; ")[0]
            return replace(entry, in_rotation=False, reason=f"{who}; {in_a_row}")
        case Status.HEALTHY:
            if misses < policy.fall:
                return replace(entry, reason=f"{in_a_row}; out of rotation at {policy.fall}")
            return _out(entry, Status.UNHEALTHY, in_a_row)
        case Status.STARTING | Status.UNHEALTHY:
            return replace(entry, reason=in_a_row)
        case _:
            return entry
