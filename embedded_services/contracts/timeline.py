"""The causal timeline: what happened in the system, in whichever process, and because of what.

Effects never stand before their causes: `order` says where an entry stands, whatever the clocks of the processes say. `seq`
counts what is told. An entry that goes on (a burst, a fault that acts again) or finds its cause later is told again, under
the same `id` and with a new `seq`; the later version replaces the earlier one.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from embedded_services.contracts.events import MAX_SEQ
from embedded_services.contracts.wire import Message, Request, Timestamp


class TimelineKind(StrEnum):
    """What a kind's `word` is stands behind it."""

    FAULT_ARMED = "fault-armed"
    """The fault's kind."""
    FAULT_INJECTED = "fault-injected"
    FAULT_EXPIRED = "fault-expired"
    FAULT_REMOVED = "fault-removed"
    ACTION = "action"
    """kill, terminate, freeze, thaw, restart, drain; and what is done to a saga or a dead letter."""
    CHECK_FAILED = "check-failed"
    STATUS = "status"
    """The status an instance or process has now."""
    OUT_OF_ROTATION = "out-of-rotation"
    IN_ROTATION = "in-rotation"
    EXIT = "exit"
    RESTART = "restart"
    CALLS_FAILED = "calls-failed"
    """`timeouts` where most had no reply in time, else `failures`."""
    RETRIES = "retries"
    """`storm` when they are so many that they are load of their own."""
    EJECTED = "ejected"
    RETURNED = "returned"
    BREAKER_OPENED = "breaker-opened"
    BREAKER_HALF_OPEN = "breaker-half-open"
    BREAKER_CLOSED = "breaker-closed"
    PANIC = "panic"
    """`begun` or `ended`."""
    OVERLOAD = "overload"
    """`budget-spent` or `queue-full`."""
    PICKS_MOVED = "picks-moved"
    """The instances that get them now, with commas."""
    STRATEGY = "strategy"
    """The strategy."""
    LIMITS = "limits"
    SETTINGS = "settings"
    """The setting that changed."""
    LIMITED_BURST = "limited-burst"
    ERROR_BURST = "error-burst"
    DEAD_LETTER = "dead-letter"
    OUTBOX = "outbox"
    """`grows` or `told`."""
    SAGA_COMPENSATING = "saga-compensating"
    SAGA_ENDED = "saga-ended"
    """The state it ended in."""
    SAGA_FAILED = "saga-failed"
    TRAFFIC_STARTED = "traffic-started"
    TRAFFIC_STOPPED = "traffic-stopped"
    BROKER_LOST = "broker-lost"
    BROKER_BACK = "broker-back"
    MISSED = "missed"
    """Who could not tell all."""


class TimelineTone(StrEnum):
    """`fault` is what a person did to break something, `you` anything else that a person did."""

    FAULT = "fault"
    YOU = "you"
    BAD = "bad"
    WARN = "warn"
    OK = "ok"
    INFO = "info"


class TimelineSubject(Message, frozen=True):
    """What an entry is about."""

    service: str | None = None
    instance: str | None = None
    process: str | None = None
    """Gateway, broker, orchestrator, traffic; for an instance, `instance` says which."""
    route: str | None = None
    queue: str | None = None
    event: str | None = None
    saga: str | None = None
    step: str | None = None
    fault: str | None = None


class TimelineEntry(Message, frozen=True):
    """`at` is when it began and `until` when it was last seen to go on, by the clock of whoever told it; `count` is how often
    it happened. `causes` are ids, none for what a person did or what came of itself; `chain` is the id of its first cause of
    all, its own if it has none. `traces` are a few of the requests in which it was seen."""

    seq: int
    order: int
    id: str
    at: Timestamp
    kind: TimelineKind
    text: str
    tone: TimelineTone
    subject: TimelineSubject
    causes: list[str]
    chain: str
    word: str = ""
    traces: list[str] = []
    count: int = 1
    until: Timestamp | None = None


class TimelineQuery(Request, frozen=True):
    """What was told `after` a number, the oldest first; of several versions of an entry only the last."""

    after: Annotated[int, Meta(ge=0, le=MAX_SEQ)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class TimelinePage(Message, frozen=True):
    """`total` entries there were, of which `dropped` are held no more. `next_after` goes on where this page ends, null when
    nothing more was told."""

    items: list[TimelineEntry]
    total: int
    dropped: int
    last_seq: int
    next_after: int | None = None
