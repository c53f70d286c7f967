"""What the catalogs of instances and processes mean for the timeline: ends, starts, failed checks, rotation. Pure but for
memory.

What somebody did to a process is told by who did it, so that a status that only repeats it (frozen, draining) is not told.
"""

from collections.abc import Iterator
from typing import Final

from embedded_services.contracts.instances import Status
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject, TimelineTone
from embedded_services.control.timeline.facts import (
    Fact,
    asked_name,
    check_name,
    condition_name,
    crash_name,
    exit_name,
    start_name,
)
from embedded_services.registry.lifecycle import CRASHED_BY_FAULT, Entry

_ENDED: Final = (Status.STOPPED, Status.CRASH_LOOPING)
_TOLD_OTHERWISE: Final = (Status.FROZEN, Status.DRAINING, Status.STARTING, Status.STOPPED)
_START_PAUSE_S: Final = 2.0


class RegistryFacts:
    """One for all catalogs: the start of the system is one story, told as a whole."""

    def __init__(self) -> None:
        self._runs: dict[str, int] = {}
        """Of failed checks, by instance."""
        self._start = _SystemStart()

    def changed(self, before: Entry | None, after: Entry | None, at: float) -> list[Fact]:
        """As a catalog tells its listeners."""
        if after is None:
            return [] if before is None else [_gone(before, at)]
        if before is None:
            return [_registered(after, at)] if after.external else []
        started = self._start.told(before, after, at)
        if started is not None:
            return started
        return list(self._changed(before, after, at))

    def _changed(self, before: Entry, after: Entry, at: float) -> Iterator[Fact]:
        name, what = after.id, subject_of(after)
        if after.incarnation > before.incarnation:
            yield _started(before, after, at)
        ended = before.pid is not None and after.pid is None and after.status in _ENDED
        if ended:
            yield Fact(
                kind=Kind.EXIT,
                at=at,
                text=f"{name}: {after.reason}",
                subject=what,
                names=(exit_name(name, after.incarnation),),
                because=_ended_by(after),
                closes=(condition_name(name),),
            )
        elif after.misses > before.misses and before.in_rotation:
            yield self._check_failed(after, at)
        because: tuple[str, ...] = ()
        if ended:
            because = (exit_name(name, after.incarnation),)
        elif after.misses:
            because = (check_name(name, after.incarnation),)
        if before.in_rotation and not after.in_rotation:
            yield Fact(
                kind=Kind.OUT_OF_ROTATION,
                at=at,
                text=f"{name} is out of rotation: {after.reason}",
                subject=what,
                because=because,
            )
        yield from _status(before, after, at, because)

    def _check_failed(self, after: Entry, at: float) -> Fact:
        if after.misses == 1:
            self._runs[after.id] = self._runs.get(after.id, 0) + 1
        name = check_name(after.id, after.incarnation)
        said = after.last_check.message if after.last_check is not None else "no answer"
        return Fact(
            kind=Kind.CHECK_FAILED,
            at=at,
            text=f"{after.id}: {after.misses} {'check' if after.misses == 1 else 'checks'} failed: {said}",
            subject=subject_of(after),
            key=f"{name}:{self._runs.get(after.id, 0)}",
            count=after.misses,
            names=(name,),
        )


class _SystemStart:
    """The first start of everything, until nothing more is started for a while: so many processes, so many healthy."""

    def __init__(self) -> None:
        self._is_over = False
        self._started: set[str] = set()
        self._healthy: set[str] = set()
        self._last_at = 0.0

    def told(self, before: Entry, after: Entry, at: float) -> list[Fact] | None:
        """What to tell instead of the change, None if it does not belong to the start."""
        pending = self._started - self._healthy
        if self._is_over or (self._started and not pending and at - self._last_at > _START_PAUSE_S):
            self._is_over = True
            return None
        if after.incarnation == 1 and before.incarnation == 0:
            self._last_at = at
            self._started.add(after.id)
            n = len(self._started)
            return [self._fact(Kind.RESTART, at, f"the system starts: {n} processes", n, "first")]
        if after.status is Status.HEALTHY and before.status is Status.STARTING and after.id in pending:
            self._last_at = at
            self._healthy.add(after.id)
            n, total = len(self._healthy), len(self._started)
            return [self._fact(Kind.STATUS, at, f"{n} of {total} processes healthy", n, Status.HEALTHY.value)]
        return None

    @staticmethod
    def _fact(kind: Kind, at: float, text: str, count: int, word: str) -> Fact:
        is_start = kind is Kind.RESTART
        return Fact(
            kind=kind,
            at=at,
            text=text,
            word=word,
            key=f"system:{kind.value}",
            count=count,
            names=("system-start",) if is_start else (),
            because=() if is_start else ("system-start",),
            tone=TimelineTone.INFO if is_start else TimelineTone.OK,
        )


def subject_of(entry: Entry) -> TimelineSubject:
    if entry.service:
        return TimelineSubject(service=entry.service, instance=entry.id)
    return TimelineSubject(process=entry.id)


def _ended_by(entry: Entry) -> tuple[str, ...]:
    if entry.reason.startswith(CRASHED_BY_FAULT):
        return (crash_name(entry.id),)
    return (asked_name(entry.id, entry.incarnation),)


def _started(before: Entry, after: Entry, at: float) -> Fact:
    again = "again " if after.incarnation > 1 else ""
    return Fact(
        kind=Kind.RESTART,
        at=at,
        text=f"{after.id} was started {again}(process {after.pid})",
        subject=subject_of(after),
        names=(start_name(after.id, after.incarnation),),
        because=(exit_name(after.id, before.incarnation),) if before.incarnation else (),
    )


def _status(before: Entry, after: Entry, at: float, because: tuple[str, ...]) -> Iterator[Fact]:
    """What it is now, or that it is in rotation again, if that is all."""
    name, what, status = after.id, subject_of(after), after.status
    back = after.in_rotation and not before.in_rotation
    is_thawing = before.status is Status.FROZEN and status is Status.UNHEALTHY and not after.misses
    if status is not before.status and status not in _TOLD_OTHERWISE and not is_thawing:
        is_well = status is Status.HEALTHY
        first = is_well and before.status is Status.STARTING
        yield Fact(
            kind=Kind.STATUS,
            at=at,
            text=f"{name} is {'healthy' if is_well else f'{status.value}: {after.reason}'}",
            subject=what,
            word=status.value,
            tone=TimelineTone.OK if is_well else TimelineTone.BAD,
            because=(start_name(name, after.incarnation),) if first else because,
        )
    elif back:
        yield Fact(kind=Kind.IN_ROTATION, at=at, text=f"{name} is in rotation: {after.reason}", subject=what)


def _gone(before: Entry, at: float) -> Fact:
    return Fact(
        kind=Kind.STATUS,
        at=at,
        text=f"{before.id} is gone",
        subject=subject_of(before),
        word="gone",
        closes=(condition_name(before.id),),
    )


def _registered(after: Entry, at: float) -> Fact:
    return Fact(
        kind=Kind.STATUS,
        at=at,
        text=f"{after.id} registered itself",
        subject=subject_of(after),
        word="registered",
    )
