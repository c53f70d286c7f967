"""What callers saw of instances, and what the gateway decided and answered. Pure but for memory.

Numbers come from the callers' totals, which are exact; which requests they were, and why, from the records that were kept. In a
beat causes come before effects: failed calls, repeated calls, decisions, who gets the calls now, what clients saw.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.gateway import Decision, DecisionKind, Upstream
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject
from embedded_services.control.timeline.bursts import Burst, Threshold, Totals, step
from embedded_services.control.timeline.facts import Fact

CALLS: Final = Threshold(begin=1, within_s=5.0, keep=1, quiet_s=5.0)
RETRIES: Final = Threshold(begin=3, within_s=5.0, keep=1, quiet_s=5.0)
ERRORS: Final = Threshold(begin=3, within_s=5.0, keep=1, quiet_s=5.0)
LIMITED: Final = Threshold(begin=5, within_s=5.0, keep=1, quiet_s=5.0)
STORM_FROM: Final = 0.2
STORM_TO: Final = 0.1
"""Of the calls of the last ten seconds so many are repetitions when a storm begins, and when it is over."""
STORM_LEAST: Final = 20
REMEMBERED: Final = 2_000

_MOVED_BY: Final = frozenset({Kind.OUT_OF_ROTATION, Kind.BREAKER_OPENED, Kind.EJECTED})
_BACK_BY: Final = frozenset({Kind.STATUS, Kind.IN_ROTATION, Kind.BREAKER_CLOSED, Kind.RETURNED})
_DECIDED: Final = {
    DecisionKind.BREAKER_OPENED: (Kind.BREAKER_OPENED, "breaker of {place} open: {why}", ""),
    DecisionKind.BREAKER_HALF_OPEN: (Kind.BREAKER_HALF_OPEN, "breaker of {place} half-open: {why}", ""),
    DecisionKind.BREAKER_CLOSED: (Kind.BREAKER_CLOSED, "breaker of {place} closed: {why}", ""),
    DecisionKind.EJECTED: (Kind.EJECTED, "{place} ejected: {why}", ""),
    DecisionKind.RETURNED: (Kind.RETURNED, "{place} is back: {why}", ""),
    DecisionKind.PANIC: (Kind.PANIC, "{place}: all are used: {why}", "begun"),
    DecisionKind.PANIC_ENDED: (Kind.PANIC, "{place}: choosing again: {why}", "ended"),
    DecisionKind.BUDGET_SPENT: (Kind.OVERLOAD, "{place}: {why}", "budget-spent"),
    DecisionKind.QUEUE_FULL: (Kind.OVERLOAD, "{place}: {why}", "queue-full"),
    DecisionKind.SETTINGS_REFUSED: (Kind.SETTINGS, "the gateway refused the settings: {why}", "refused"),
}


@dataclass
class _Trouble:
    """What goes on at one place."""

    burst: Burst = field(default_factory=Burst)
    traces: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    late: deque[bool] = field(default_factory=lambda: deque(maxlen=20))
    """Of failed tries: whether they had no reply in time."""
    is_storm: bool = False


class CallFacts:
    """`service_of` gives the service of an instance, None if it is not known."""

    def __init__(self, service_of: Callable[[str], str | None]) -> None:
        self._service_of = service_of
        self._totals = Totals()
        self._incarnations: dict[str, int] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._receiving: dict[str, frozenset[str]] = {}
        self._moved_to_few: set[str] = set()

    def told(self, caller: str, incarnation: int, beat: Beat, at: float, now: float) -> Iterator[Fact]:
        """A beat of `caller`, received `at` (wall) and `now` (monotonic)."""
        if self._incarnations.get(caller) != incarnation:
            self._incarnations[caller] = incarnation
            self._totals.forget(f"{caller}|")
        for record in beat.requests:
            if record.status >= 429 or record.tries > 1:
                self._remember(record)
        for instance, stats in beat.calls.items():
            more = self._totals.more(f"{caller}|{instance}", stats.failures)
            if more:
                yield from self._failed(caller, instance, more, at, now)
        for row in beat.upstreams:
            yield from self._repeated(caller, row, at, now)
        for decision in beat.decisions:
            if decision.kind in _DECIDED:
                yield _decided(caller, decision)
        for row in beat.upstreams:
            yield from self._moved(caller, row, at)
        yield from self._answered(caller, beat, at, now)

    def _remember(self, record: RequestRecord) -> None:
        """Which requests they were: of an instance, of a service as clients saw it, and of the limiter."""
        if record.status == 429:
            self._at("limited").traces.append(record.trace)
        if record.status >= 500:
            self._at(f"answered|{record.service or record.route}").traces.append(record.trace)
        if record.tries > 1 and record.service:
            self._at(f"repeated|{record.service}").traces.append(record.trace)
        for attempt in record.attempts:
            if not attempt.outcome.isdecimal() or int(attempt.outcome) >= 500:
                trouble = self._at(f"calls|{attempt.instance}")
                trouble.traces.append(record.trace)
                trouble.late.append("in time" in attempt.outcome)

    def _at(self, key: str) -> _Trouble:
        trouble = self._troubles.pop(key, None) or _Trouble()
        if len(self._troubles) >= REMEMBERED:
            del self._troubles[next(iter(self._troubles))]
        self._troubles[key] = trouble
        return trouble

    # --- between callers and instances ----------------------------------------------------------------------------

    def _failed(self, caller: str, instance: str, more: int, at: float, now: float) -> Iterator[Fact]:
        trouble = self._at(f"calls|{instance}")
        trouble.burst, tells = step(trouble.burst, more, now, CALLS)
        if not tells:
            return
        late = 2 * sum(trouble.late) > len(trouble.late)
        noun = "timeout" if late else "failed call"
        yield Fact(
            kind=Kind.CALLS_FAILED,
            at=at,
            text=f"{instance}: {{n}} {noun}{{s}}",
            subject=TimelineSubject(service=self._service_of(instance), instance=instance),
            source=caller,
            word="timeouts" if late else "failures",
            key=f"calls:{instance}:{trouble.burst.number}",
            count=trouble.burst.count,
            traces=tuple(trouble.traces),
        )

    def _repeated(self, caller: str, row: Upstream, at: float, now: float) -> Iterator[Fact]:
        more = self._totals.more(f"{caller}|retries|{row.service}", row.retries)
        trouble = self._at(f"repeated|{row.service}")
        trouble.burst, tells = step(trouble.burst, more, now, RETRIES)
        share = row.budget.used / row.budget.calls if row.budget.calls else 0.0
        trouble.is_storm = row.budget.used >= STORM_LEAST and share >= (
            STORM_TO if trouble.is_storm else STORM_FROM
        )
        if tells:
            what = "retry storm, {n} retries" if trouble.is_storm else "{n} calls repeated"
            yield Fact(
                kind=Kind.RETRIES,
                at=at,
                text=f"{row.service}: {what}",
                subject=TimelineSubject(service=row.service),
                source=caller,
                word="storm" if trouble.is_storm else "retries",
                key=f"retries:{row.service}:{trouble.burst.number}",
                count=trouble.burst.count,
                traces=tuple(trouble.traces),
            )

    def _moved(self, caller: str, row: Upstream, at: float) -> Iterator[Fact]:
        """Who gets the calls now, if that changed while there are any; and that all do again, if some had lost theirs."""
        receiving = frozenset(target.id for target in row.targets if target.eligible)
        before = self._receiving.get(row.service)
        self._receiving[row.service] = receiving
        if before is None or receiving == before or not row.rate:
            return
        lost = bool(before - receiving)
        if not lost and row.service not in self._moved_to_few:
            return
        (self._moved_to_few.add if lost else self._moved_to_few.discard)(row.service)
        names = ", ".join(sorted(receiving))
        if receiving:
            verb = "move to" if lost else "are shared by" if len(receiving) > 1 else "go to"
            text = f"{row.service}: picks {verb} {names}"
        else:
            text = f"{row.service}: nobody is left to be picked"
        yield Fact(
            kind=Kind.PICKS_MOVED,
            at=at,
            text=text,
            subject=TimelineSubject(service=row.service),
            source=caller,
            word=names,
            among=_MOVED_BY if lost else _BACK_BY,
        )

    # --- what clients saw -----------------------------------------------------------------------------------------

    def _answered(self, caller: str, beat: Beat, at: float, now: float) -> Iterator[Fact]:
        for route in beat.gateway.routes if beat.gateway is not None else ():
            total = route.statuses.get("5xx", 0)
            more = self._totals.more(f"{caller}|5xx|{route.prefix}|{route.service}", total) if total else 0
            if more:
                yield from self._errors(caller, route.service or route.prefix, route.service, more, at, now)
        if beat.limits is None:
            return
        more = self._totals.more(f"{caller}|limited", beat.limits.limited)
        trouble = self._at("limited")
        trouble.burst, tells = step(trouble.burst, more, now, LIMITED)
        if tells:
            yield Fact(
                kind=Kind.LIMITED_BURST,
                at=at,
                text="{n} request{s} answered 429: over the limit",
                subject=TimelineSubject(process=caller),
                source=caller,
                key=f"limited:{trouble.burst.number}",
                count=trouble.burst.count,
                traces=tuple(trouble.traces),
            )

    def _errors(
        self, caller: str, where: str, service: str | None, more: int, at: float, now: float
    ) -> Iterator[Fact]:
        trouble = self._at(f"answered|{where}")
        trouble.burst, tells = step(trouble.burst, more, now, ERRORS)
        if tells:
            yield Fact(
                kind=Kind.ERROR_BURST,
                at=at,
                text=f"{where}: clients saw {{n}} error{{s}} (5xx)",
                subject=TimelineSubject(service=service, route=None if service else where),
                source=caller,
                key=f"errors:{where}:{trouble.burst.number}",
                count=trouble.burst.count,
                traces=tuple(trouble.traces),
            )


def _decided(caller: str, decision: Decision) -> Fact:
    kind, text, word = _DECIDED[decision.kind]
    place = decision.instance or decision.service
    subject = TimelineSubject(
        service=decision.service or None,
        instance=decision.instance,
        process=None if decision.service else caller,
    )
    often = kind is Kind.OVERLOAD
    return Fact(
        kind=kind,
        at=decision.at,
        text=text.format(place=place, why=decision.why),
        subject=subject,
        source=caller,
        word=word,
        count=decision.count if often else 1,
    )
