"""Traffic: what is asked of the load generator, and what it tells of itself.

An open model: requests are sent at the times that the plan intends, whatever becomes of those before. A latency counts from
the intended time, so that a system that stalls is not spared by a generator that waits with it.
"""

import json
import math
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.wire import END, Message, Request, Timestamp

TRAFFIC: Final = "traffic"
"""The process that makes it, the command that tells it what to do, and its topic in the stream."""
SAMPLE_S: Final = 0.25
LEAST_RATE: Final = 0.1
MOST_RATE: Final = 5_000.0
MOST_CLIENTS: Final = 1_000
MOST_IN_FLIGHT: Final = 20_000
HEADROOM: Final = 1.5
"""Clients beyond those that the limits need: no one of them comes near its limit then."""
MAX_BODY: Final = 64 * 1024
FRAMING: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "expect"}
)
"""The fields that the generator itself writes, or that would change the framing of the answer."""

Rate = Annotated[float, Meta(ge=LEAST_RATE, le=MOST_RATE, extra_json_schema={"x-unit": "1/s"})]
PausableRate = Annotated[float, Meta(ge=0, le=MOST_RATE, extra_json_schema={"x-unit": "1/s"})]
PlanSeconds = Annotated[float, Meta(ge=0, le=86_400, extra_json_schema={"x-unit": "s"})]
DurationS = Annotated[float, Meta(ge=0.1, le=86_400, extra_json_schema={"x-unit": "s"})]
Timeout = Annotated[float, Meta(ge=0.1, le=300, extra_json_schema={"x-unit": "s"})]
Clients = Annotated[int, Meta(ge=1, le=MOST_CLIENTS)]
InFlight = Annotated[int, Meta(ge=1, le=MOST_IN_FLIGHT, extra_json_schema={"x-unit": "requests"})]
Weight = Annotated[int, Meta(ge=0, le=10_000)]
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Arrivals(StrEnum):
    """`constant`: evenly spaced. `poisson`: independent of each other, as many a second on average."""

    CONSTANT = "constant"
    POISSON = "poisson"


class Step(Request, frozen=True):
    """`at_s` after the start the rate begins to move to `rate`, in a straight line that takes `ramp_s` (0: at once). A rate
    of 0 is a pause."""

    at_s: PlanSeconds
    rate: PausableRate
    ramp_s: PlanSeconds = 0.0


class Mix(Request, frozen=True):
    """How much of what is sent, as weights."""

    browse: Weight = 60
    checkout: Weight = 30
    login: Weight = 10

    def __post_init__(self) -> None:
        if not (self.browse or self.checkout or self.login):
            raise ValueError("one of browse, checkout and login must be at least 1")


class CustomRequest(Request, frozen=True):
    """A request of one's own; `body` is sent as JSON. It carries its client's token unless it is `anonymous`, or brings its
    own `Authorization`."""

    method: Annotated[str, Meta(pattern=r"^(GET|POST|PUT|PATCH|DELETE)" + END)]
    path: Annotated[str, Meta(pattern=r"^/[!-~]*" + END, max_length=2000)]
    weight: Annotated[int, Meta(ge=1, le=10_000)] = 1
    headers: Annotated[
        dict[
            Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_|~-]{1,64}" + END)],
            Annotated[str, Meta(pattern=r"^[ -~]*" + END, max_length=4000)],
        ],
        Meta(max_length=30),
    ] = {}
    body: Any = None
    anonymous: bool = False

    def __post_init__(self) -> None:
        framing = sorted(FRAMING & {name.lower() for name in self.headers})
        if framing:
            raise ValueError(f"headers must not name {', '.join(framing)}: the connection is the generator's")
        if self.body is not None and len(json.dumps(self.body)) > MAX_BODY:
            raise ValueError(f"body must be at most {MAX_BODY} bytes of JSON")

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


Steps = Annotated[list[Step], Meta(max_length=100)]
Requests = Annotated[list[CustomRequest], Meta(max_length=50)]


class TrafficWish(Request, frozen=True):
    """What traffic shall be. What is left out stays as it is while traffic runs, else it has its default.

    `rate` or `steps` begin a new schedule; a new `rate` alone does away with the steps. `requests` are sent instead of the
    mix; a `mix` does away with them. `clients` null: as many as the limits in force need, and half as many again.
    `duration_s` counts from the start, null goes on until stopped. `seed` makes arrivals and choices repeatable.
    Beyond `max_in_flight` a request is not sent, and counts as an error.
    """

    rate: Rate | UnsetType = UNSET
    arrivals: Arrivals | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    steps: Steps | UnsetType = UNSET
    mix: Mix | UnsetType = UNSET
    requests: Requests | UnsetType = UNSET
    clients: Clients | UnsetType | None = UNSET
    duration_s: DurationS | UnsetType | None = UNSET
    timeout_s: Timeout | UnsetType = UNSET
    max_in_flight: InFlight | UnsetType = UNSET


class TrafficPlan(Message, frozen=True):
    """A wish with nothing left open; `auto_clients` says that `clients` was reckoned from the limits."""

    rate: float = 20.0
    arrivals: Arrivals = Arrivals.CONSTANT
    seed: int = 1
    steps: list[Step] = []
    mix: Mix = msgspec.field(default_factory=Mix)
    requests: list[CustomRequest] = []
    clients: int = 1
    auto_clients: bool = True
    duration_s: float | None = None
    timeout_s: float = 30.0
    max_in_flight: int = 10_000

    @property
    def highest_rate(self) -> float:
        """What the plan asks at most, at any time."""
        return max([self.rate, *(step.rate for step in self.steps)])


def clients_for(rate: float, limits: LimitSettings) -> int:
    """As many as can send at `rate` together without one of them coming near the limit in force."""
    needed = math.ceil(rate * limits.window_s / limits.limit * HEADROOM)
    return min(MOST_CLIENTS, max(1, needed))


class TrafficOrder(Message, frozen=True):
    """From the control plane to the process. The same `run` changes what runs, another one begins anew."""

    run: int
    plan: TrafficPlan
    host: str
    port: int


class Phase(StrEnum):
    """`signing-in`: the first client gets its token. `finishing`: nothing more is sent, answers are waited for."""

    STOPPED = "stopped"
    STARTING = "starting"
    SIGNING_IN = "signing-in"
    RUNNING = "running"
    FINISHING = "finishing"


class Cause(StrEnum):
    """Why a request had no answer. `closed`: the connection was ended in an orderly way, before the answer. `cancelled`: traffic
    was stopped first. `not-sent`: as many as may be were in flight. `too-late`: the generator itself could not keep up.
    `order-cancelled`: the order was taken on, and its saga undid it."""

    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    UNREACHABLE = "unreachable"
    NO_ADDRESS = "no-address"
    CANCELLED = "cancelled"
    NOT_SENT = "not-sent"
    TOO_LATE = "too-late"
    ORDER_CANCELLED = "order-cancelled"


class TrafficSample(Message, frozen=True):
    """A quarter of a second. `asked` is the rate that the plan asks at its end; of `due` arrivals `sent` were sent, and `done`
    requests ended, of which `failed` with a status of 500 or above, or with an error. `rate` is what was sent over the last
    second. Latencies, in ms from the intended time, are of what ended in the last second, null for nothing; `max_ms` counts
    what still waits, too. `late_ms` is how late the generator itself was, of 99 % of what it sent."""

    run: int
    at: Timestamp
    asked: float
    due: int = 0
    sent: int = 0
    done: int = 0
    failed: int = 0
    rate: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    statuses: dict[str, int] = {}
    errors: dict[str, int] = {}
    in_flight: int = 0
    late_ms: float | None = None


class KindTotals(Message, frozen=True):
    """One kind of request of the mix, or one of the list. `share` is what it should have of all, in percent."""

    name: str
    share: float
    sent: int = 0
    done: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


class TrafficTotals(Message, frozen=True):
    """Since the run began. `due` counts arrivals; of them `sent` were sent, and `done` sent ones have ended. What was not sent
    is an error like others: `failed` counts those too. `follow_ups` are requests besides the arrivals: sign-ins, and looks
    at what becomes of an order."""

    due: int = 0
    sent: int = 0
    done: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    late_p99_ms: float | None = None
    late_max_ms: float | None = None
    statuses: dict[str, int] = {}
    errors: dict[str, int] = {}
    kinds: list[KindTotals] = []
    follow_ups: int = 0
    connections: int = 0


class Traffic(Message, frozen=True):
    """Traffic as it is: of run number `run`, which began at `since`. `reason` says why it is in its phase. `addresses` are the
    source addresses that clients come from, `users` the accounts that they share and `signed_in` those that have a token.
    `notes` are sentences on what the figures do not say by themselves."""

    phase: Phase = Phase.STOPPED
    reason: str = ""
    run: int = 0
    plan: TrafficPlan = msgspec.field(default_factory=TrafficPlan)
    since: Timestamp | None = None
    ended_at: Timestamp | None = None
    asked: float = 0.0
    in_flight: int = 0
    clients: int = 0
    addresses: int = 0
    users: int = 0
    signed_in: int = 0
    totals: TrafficTotals = msgspec.field(default_factory=TrafficTotals)
    notes: list[str] = []

    @property
    def is_on(self) -> bool:
        """Something is sent, or about to be."""
        return self.phase in (Phase.STARTING, Phase.SIGNING_IN, Phase.RUNNING)
