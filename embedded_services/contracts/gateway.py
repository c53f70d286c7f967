"""What the gateway decides and counts: which instance got a call and why, breakers, budgets, and who was limited.

Everything here is the gateway's own view. Totals count since the gateway process was started; rates, shares, ratios and
latencies are over the last ten seconds, null where there was nothing to reckon with.
"""

from enum import StrEnum

from embedded_services.contracts.instances import Latency
from embedded_services.contracts.settings import Strategy
from embedded_services.contracts.wire import Message, Timestamp


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker(Message, frozen=True):
    """`failed` of `calls` in the policy's window failed. `until` is when an open one lets the first probe through."""

    state: BreakerState
    since: Timestamp
    calls: int
    failed: int
    until: Timestamp | None = None
    why: str = ""


class Target(Message, frozen=True):
    """An instance in rotation. `share` of the service's picks it got, against what the strategy should give it (null where
    that depends on the load); `load` is the figure the strategy compares, null where it compares none. `eligible`: it
    may be picked now; else `why` says what keeps it out."""

    id: str
    incarnation: int
    weight: int
    in_flight: int
    picks: int
    rate: float
    share: float | None
    expected: float | None
    load: float | None
    latency_ms: Latency
    eligible: bool
    breaker: Breaker
    ejections: int = 0
    ejected_until: Timestamp | None = None
    why: str = ""


class RetryBudget(Message, frozen=True):
    """`used` repetitions of `allowed` in the last ten seconds, among `calls`. `refused` is a total."""

    calls: int
    used: int
    allowed: int
    refused: int


class Upstream(Message, frozen=True):
    """A service as the gateway balances it: a row of the Gateway panel.

    `fairness` is Jain's index of shares over what each was expected to get: 1 is perfectly fair, 1/n is one gets all.
    `rejected` counts calls that no instance was asked for, by cause (`queue-full`, `queue-timeout`, `nobody`,
    `breakers-open`). `panic`: too few would be eligible, so all are used.
    """

    service: str
    strategy: Strategy
    hash_key: str
    targets: list[Target]
    reason: str
    rate: float
    calls: int
    failures: int
    fairness: float | None
    retries: int
    hedges: int
    hedges_won: int
    queued: int
    panic: bool
    budget: RetryBudget
    rejected: dict[str, int] = {}


class Route(Message, frozen=True):
    """What was asked of a route; statuses by class (`2xx`, `4xx`, …; `499` clients that left)."""

    prefix: str
    service: str | None
    requests: int
    rate: float
    latency_ms: Latency
    statuses: dict[str, int] = {}


class GatewayTotals(Message, frozen=True):
    """The gateway as a whole. Of `requests` so many were sampled (recorded with every detail) and so many records kept."""

    requests: int
    rate: float
    error_rate: float
    in_flight: int
    connections: int
    latency_ms: Latency
    sampled: int
    settings_revision: int
    routes: list[Route] = []


class Candidate(Message, frozen=True):
    """An instance as it was when the choice was made; `out` says why it could not be chosen, empty if it could."""

    id: str
    in_flight: int
    load: float | None = None
    out: str = ""


class Attempt(Message, frozen=True):
    """One try of a request. `reason` is a word (`turn`, `random`, `least`, `power-of-two`, `weight`, `hash`, `only`, `retry`,
    `hedge`, `probe`, `panic`), `why` the sentence; `outcome` is the status, or what went wrong. `at_ms` counts from the
    start of the call, `waited_ms` is the back-off or queue before it."""

    instance: str
    reason: str
    why: str
    outcome: str
    at_ms: float
    took_ms: float
    waited_ms: float = 0.0
    candidates: list[Candidate] = []


class Pick(Message, frozen=True):
    """A choice that was recorded, with its request. `attempt` counts from 1."""

    at: Timestamp
    service: str
    strategy: Strategy
    attempt: int
    chosen: Attempt
    request: str
    trace: str


class DecisionKind(StrEnum):
    BREAKER_OPENED = "breaker-opened"
    BREAKER_HALF_OPEN = "breaker-half-open"
    BREAKER_CLOSED = "breaker-closed"
    EJECTED = "ejected"
    RETURNED = "returned"
    PANIC = "panic"
    PANIC_ENDED = "panic-ended"
    BUDGET_SPENT = "budget-spent"
    QUEUE_FULL = "queue-full"
    STRATEGY = "strategy"
    SETTINGS_REFUSED = "settings-refused"


class Decision(Message, frozen=True):
    """A turn in how a service is called, or (with an empty `service`) in the gateway itself; what happens often (a spent budget, a full queue) is told once a second at most,
    with `count` how often."""

    at: Timestamp
    kind: DecisionKind
    service: str
    instance: str | None
    why: str
    count: int = 1


class LimitClient(Message, frozen=True):
    """What is remembered of one client. `reset_at` is when its allowance grows next, null while nothing counts against it;
    `allowed` and `limited` are totals, which a reset leaves as they are."""

    key: str
    count: int
    limit: int
    remaining: int
    reset_at: Timestamp | None
    last_at: Timestamp
    last429_at: Timestamp | None
    allowed: int
    limited: int


class LimitTotals(Message, frozen=True):
    """`clients` are remembered now; `forgotten` were forgotten early for want of room. Rates are per second."""

    allowed: int
    limited: int
    allowed_rate: float
    limited_rate: float
    clients: int
    forgotten: int
