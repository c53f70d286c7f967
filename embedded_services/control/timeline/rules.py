"""What may have caused what: a table of effects, and for each the causes that come into question, the surest first. Pure.

A cause must be related to its effect by what both are about, and must have been told within a time before it; what is still
in force (a fault, a freeze, traffic) counts as told just now. Times are the control plane's own, of when it was told: the
clocks of other processes play no part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject

Relation = Callable[[TimelineSubject, TimelineSubject], bool]
"""Of a cause's subject to its effect's."""

LATE_S: Final = 1.5
"""How much later than its effect a cause may be told: processes tell four times a second, proofs are counted once a second."""


@dataclass(frozen=True)
class Rule:
    """`words`, if any, are those that the cause must have."""

    kinds: frozenset[Kind]
    related: Relation
    within_s: float
    words: frozenset[str] = frozenset()

    def fits(self, kind: Kind, word: str, cause: TimelineSubject, effect: TimelineSubject) -> bool:
        return kind in self.kinds and (not self.words or word in self.words) and self.related(cause, effect)


Tier = tuple[Rule, ...]
"""Rules of the same rank: what each of them finds is a cause."""


def place_of(subject: TimelineSubject) -> str | None:
    return subject.instance or subject.process


def same_place(cause: TimelineSubject, effect: TimelineSubject) -> bool:
    place = place_of(cause)
    return place is not None and place == place_of(effect)


def same_service(cause: TimelineSubject, effect: TimelineSubject) -> bool:
    """The orchestrator is called as a service is, and is a process by itself."""
    service = cause.service or cause.process
    return service is not None and service == (effect.service or effect.process)


def same_queue(cause: TimelineSubject, effect: TimelineSubject) -> bool:
    return cause.queue is not None and cause.queue == effect.queue


def same_saga(cause: TimelineSubject, effect: TimelineSubject) -> bool:
    return cause.saga is not None and cause.saga == effect.saga


def aimed(cause: TimelineSubject, effect: TimelineSubject) -> bool:
    """Nothing that the cause is about is another one than the effect's, and something is the same."""
    is_same = False
    for name in ("service", "instance", "process", "route", "queue", "event", "saga", "step"):
        own, other = getattr(cause, name), getattr(effect, name)
        if own is not None and other is not None:
            if own != other:
                return False
            is_same = True
    return is_same


def whole_service(cause: TimelineSubject, effect: TimelineSubject) -> bool:
    """The cause is about a service as a whole, and the effect about something of it."""
    return cause.instance is None and same_service(cause, effect)


def anywhere(_: TimelineSubject, __: TimelineSubject) -> bool:
    return True


def _on(process: str) -> Relation:
    return lambda cause, _: cause.process == process


def _rule(related: Relation, within_s: float, *kinds: Kind, words: tuple[str, ...] = ()) -> Rule:
    return Rule(frozenset(kinds), related, within_s, frozenset(words))


_FAULTS: Final = (Kind.FAULT_INJECTED, Kind.FAULT_ARMED)
_ENDED: Final = (Kind.FAULT_REMOVED, Kind.FAULT_EXPIRED)
_ENDING: Final = ("kill", "terminate", "restart", "crash-loop", "freeze", "crash-orchestrator")
"""Faults that end a process."""
_UNWELL: Final = (Kind.EXIT, Kind.ACTION, *_FAULTS)

_TROUBLE_AT: Final[tuple[Tier, ...]] = (
    (_rule(same_place, 10.0, Kind.CALLS_FAILED),),
    (_rule(aimed, 10.0, *_FAULTS),),
    (_rule(same_place, 10.0, *_UNWELL),),
)
_TROUBLE_IN: Final[tuple[Tier, ...]] = (
    (_rule(aimed, 10.0, *_FAULTS),),
    (_rule(same_service, 10.0, Kind.CALLS_FAILED),),
    (_rule(same_service, 10.0, Kind.OUT_OF_ROTATION, Kind.EXIT, Kind.ACTION, Kind.SETTINGS),),
)

CAUSES: Final[dict[Kind, tuple[Tier, ...]]] = {
    Kind.CHECK_FAILED: (
        (_rule(same_place, 5.0, Kind.ACTION, Kind.EXIT),),
        (_rule(aimed, 5.0, *_FAULTS),),
        (_rule(whole_service, 5.0, Kind.SETTINGS),),
    ),
    Kind.EXIT: (
        (_rule(aimed, 10.0, *_FAULTS, words=_ENDING),),
        (_rule(whole_service, 15.0, Kind.SETTINGS),),
    ),
    Kind.RESTART: (
        (_rule(same_place, 5.0, Kind.ACTION, *_ENDED),),
        (_rule(whole_service, 5.0, Kind.SETTINGS),),
    ),
    Kind.STATUS: (
        (_rule(same_place, 5.0, Kind.ACTION), _rule(aimed, 5.0, *_ENDED)),
        (_rule(same_place, 5.0, Kind.CHECK_FAILED, Kind.EXIT),),
        (_rule(aimed, 10.0, *_FAULTS),),
        (_rule(whole_service, 10.0, Kind.SETTINGS),),
        (_rule(same_place, 300.0, Kind.OUT_OF_ROTATION, Kind.STATUS),),
    ),
    Kind.OUT_OF_ROTATION: (
        (_rule(same_place, 5.0, Kind.EXIT, Kind.STATUS, Kind.CHECK_FAILED),),
        (_rule(same_place, 5.0, Kind.ACTION), _rule(aimed, 10.0, *_FAULTS)),
        (_rule(whole_service, 5.0, Kind.SETTINGS),),
    ),
    Kind.IN_ROTATION: (
        (_rule(same_place, 10.0, Kind.ACTION, words=("thaw", "restart")), _rule(aimed, 5.0, *_ENDED)),
        (_rule(same_place, 10.0, Kind.STATUS, Kind.RESTART),),
        (_rule(same_place, 120.0, Kind.OUT_OF_ROTATION),),
    ),
    Kind.CALLS_FAILED: (
        (_rule(aimed, 5.0, *_FAULTS),),
        (_rule(same_place, 5.0, Kind.EXIT, Kind.ACTION),),
        (_rule(same_place, 5.0, Kind.STATUS, words=("unhealthy", "lost")),),
    ),
    Kind.RETRIES: (
        (_rule(same_service, 5.0, Kind.CALLS_FAILED),),
        (_rule(aimed, 5.0, *_FAULTS),),
        (_rule(same_service, 5.0, Kind.EXIT, Kind.OUT_OF_ROTATION),),
    ),
    Kind.EJECTED: _TROUBLE_AT,
    Kind.BREAKER_OPENED: _TROUBLE_AT,
    Kind.BREAKER_HALF_OPEN: ((_rule(same_place, 120.0, Kind.BREAKER_OPENED),),),
    Kind.BREAKER_CLOSED: (
        (_rule(same_place, 60.0, Kind.BREAKER_HALF_OPEN),),
        (_rule(same_place, 120.0, Kind.BREAKER_OPENED),),
    ),
    Kind.RETURNED: ((_rule(same_place, 120.0, Kind.EJECTED),),),
    Kind.PANIC: (
        (_rule(same_service, 5.0, Kind.BREAKER_OPENED, Kind.EJECTED),),
        (_rule(same_service, 120.0, Kind.PANIC, words=("begun",)),),
    ),
    Kind.OVERLOAD: (
        (_rule(same_service, 10.0, Kind.RETRIES, Kind.CALLS_FAILED),),
        (_rule(aimed, 10.0, *_FAULTS),),
        (_rule(anywhere, 30.0, Kind.TRAFFIC_STARTED),),
    ),
    Kind.PICKS_MOVED: (
        (
            _rule(
                same_service,
                5.0,
                *(Kind.OUT_OF_ROTATION, Kind.BREAKER_OPENED, Kind.EJECTED),
                *(Kind.IN_ROTATION, Kind.BREAKER_CLOSED, Kind.RETURNED, Kind.STATUS),
            ),
        ),
    ),
    Kind.ERROR_BURST: (
        (_rule(same_service, 10.0, Kind.RETRIES, Kind.BREAKER_OPENED, Kind.OVERLOAD),),
        *_TROUBLE_IN,
        (_rule(_on("gateway"), 5.0, *_UNWELL), _rule(_on("orchestrator"), 5.0, *_UNWELL)),
    ),
    Kind.LIMITED_BURST: (
        (_rule(anywhere, 60.0, Kind.LIMITS),),
        (_rule(anywhere, 30.0, Kind.TRAFFIC_STARTED),),
    ),
    Kind.DEAD_LETTER: (
        (_rule(aimed, 30.0, *_FAULTS),),
        (_rule(same_service, 30.0, Kind.CALLS_FAILED, Kind.ERROR_BURST),),
    ),
    Kind.OUTBOX: (
        (_rule(_on("broker"), 10.0, Kind.BROKER_LOST, Kind.BROKER_BACK),),
        (_rule(_on("broker"), 10.0, *_UNWELL),),
        (_rule(aimed, 10.0, *_FAULTS),),
    ),
    Kind.SAGA_COMPENSATING: (
        (_rule(aimed, 30.0, Kind.FAULT_INJECTED, Kind.FAULT_ARMED),),
        (_rule(same_service, 10.0, Kind.CALLS_FAILED, Kind.OUT_OF_ROTATION, Kind.EXIT),),
        (_rule(same_service, 10.0, Kind.BREAKER_OPENED, Kind.ERROR_BURST),),
    ),
    Kind.SAGA_ENDED: ((_rule(same_saga, 600.0, Kind.SAGA_COMPENSATING, Kind.ACTION),),),
    Kind.SAGA_FAILED: ((_rule(same_saga, 600.0, Kind.SAGA_COMPENSATING),),),
    Kind.BROKER_LOST: (
        (_rule(_on("broker"), 10.0, Kind.EXIT, Kind.ACTION),),
        (_rule(aimed, 10.0, *_FAULTS),),
        (_rule(_on("broker"), 10.0, Kind.CHECK_FAILED, Kind.STATUS),),
    ),
    Kind.BROKER_BACK: (
        (_rule(_on("broker"), 10.0, Kind.RESTART, Kind.ACTION, words=("", "thaw", "restart")),),
        (_rule(aimed, 5.0, *_ENDED),),
        (_rule(_on("broker"), 600.0, Kind.BROKER_LOST),),
    ),
}
"""A kind that is missing has no cause but those it names: what a person did, what is out of anybody's hands."""

TOLD_LATE: Final = frozenset({Kind.FAULT_INJECTED, Kind.CALLS_FAILED, Kind.RETRIES})
"""Counted by whoever calls, and told with a delay: an effect may have been told before."""

ONE_BY_ONE: Final = frozenset(
    {
        Kind.FAULT_ARMED,
        Kind.ACTION,
        Kind.STRATEGY,
        Kind.LIMITS,
        Kind.SETTINGS,
        Kind.TRAFFIC_STARTED,
        Kind.TRAFFIC_STOPPED,
    }
)
"""What a person did stands for itself, however often it is done."""
