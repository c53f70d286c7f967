"""Faults: what is asked for, what is in force, what came of it, and the catalogue as the window is told it.

Between the control plane and its children, moments are those of the monotonic clock, which all processes of one machine
share: so a fault ends in the process where it acts, at each decision, also while nobody tells that process anything. To
people and scripts they are told by the wall clock.
"""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from embedded_services.contracts.instances import Latency
from embedded_services.contracts.wire import END, Message, Name, Request, Timestamp

MAX_TTL_S: Final = 3600
MAX_SEED: Final = (1 << 32) - 1
LAST: Final = 5
"""Affected requests that a proof names."""

_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}" + END)]
_Kind = Annotated[str, Meta(min_length=1, max_length=40)]
_Ttl = Annotated[float, Meta(ge=1, le=MAX_TTL_S, extra_json_schema={"x-unit": "s"})]


class FaultFamily(StrEnum):
    PROCESS = "process"
    EDGE = "http-edge"
    HEALTH = "health"
    MESSAGING = "messaging"
    DATA = "data"
    SAGA = "saga"
    AUTH = "auth"


class FaultLayer(StrEnum):
    """Who carries a fault out: the control plane, on the real process; the process itself; the caller of a service, after its
    balancer has chosen; the service that is called; whoever publishes or handles messages; a service's database; the
    orchestrator; the request console."""

    CONTROL = "control"
    PROCESS = "process"
    EDGE = "edge"
    SERVICE = "service"
    BUS = "bus"
    DATABASE = "database"
    ORCHESTRATOR = "orchestrator"
    CONSOLE = "console"


class FaultScope(StrEnum):
    """What is drawn for: each request (message, step, …), or each pooled upstream connection, which keeps its fate."""

    REQUEST = "request"
    CONNECTION = "connection"


class FaultState(StrEnum):
    """`pending`: a process that would carry it out has not said yet that it has it."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REMOVED = "removed"


class FaultTarget(Request, omit_defaults=True, frozen=True):
    """What a fault acts on: all that is given must hold. Which fields a kind needs and allows, its descriptor says.

    `process` is the process it acts in; for a fault of the HTTP edge that is the caller (`gateway`, `orchestrator`, …).
    `route` is a path without its query; it covers all that lies below it, `*` or `{name}` stands for any one segment, and
    a leading `/api` may be there or not. `header` is a name, or `Name: value`. `user` is the id in the caller's token.
    """

    service: Name | None = None
    instance: _Id | None = None
    process: _Id | None = None
    route: (
        Annotated[
            str,
            Meta(
                pattern=r"^/[!-~]*" + END,
                max_length=300,
                extra_json_schema={"x-form": "a path like /api/orders/{id}"},
            ),
        ]
        | None
    ) = None
    method: (
        Annotated[
            str,
            Meta(
                pattern=r"^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)" + END,
                extra_json_schema={"x-form": "one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
            ),
        ]
        | None
    ) = None
    header: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9-]{1,64}(: ?[ -~]{0,200})?" + END,
                extra_json_schema={"x-form": "a name, or name: value"},
            ),
        ]
        | None
    ) = None
    user: (
        Annotated[
            str,
            Meta(
                pattern=r"^[!-~]{1,64}" + END,
                extra_json_schema={"x-form": "an id without spaces, of at most 64 characters"},
            ),
        ]
        | None
    ) = None
    queue: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    event: (
        Annotated[
            str,
            Meta(
                pattern=r"^[a-z*#][A-Za-z0-9.*#_-]{0,79}" + END,
                extra_json_schema={"x-form": "a type like order.created; * is any word, # any words"},
            ),
        ]
        | None
    ) = None
    saga: Name | None = None
    step: Name | None = None


class NewFault(Request, frozen=True):
    """A fault to arm. `params` are those of its kind; what is left out is as the catalogue says. `scope` null: the kind's
    first; `seed` null: one is drawn, and told. `ttl` is seconds."""

    LARGE_NUMBERS_PASS: ClassVar = True  # `params` are checked by their kind, which knows their bounds

    kind: _Kind
    target: FaultTarget = FaultTarget()
    params: dict[str, Any] = {}
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    scope: FaultScope | None = None
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] | None = None
    ttl: _Ttl = 60


class FaultPatch(Request, frozen=True):
    """It ends `ttl` seconds from now."""

    ttl: _Ttl


class FaultQuery(Request, frozen=True):
    """`state` narrows; without it those in force come first, then those that ended lately."""

    state: FaultState | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(max_length=200)] = ""


class Affected(Message, frozen=True):
    """Something that a fault was injected into. `trace_id` is empty where there is none; `where` is the process that did it."""

    at: Timestamp
    request_id: str
    trace_id: str
    where: str = ""


class Proof(Message, frozen=True):
    """What became of a fault.

    It was decided `eligible` times and injected `injected` times. `client_requests` are the requests of the gateway's
    clients in which it was injected, at whatever depth, and `client_failures` those of them that failed all the same,
    after retries and breakers; both are null where nobody can count them. `clients_note` says why that is, or who counted them
    if not the gateway. `added_ms` is what such a request took longer than it would have, null where none is known.
    `last` are the newest affected ones, at most five, newest first.
    """

    eligible: int = 0
    injected: int = 0
    client_requests: int | None = 0
    client_failures: int | None = 0
    clients_note: str = ""
    added_ms: Latency | None = None
    last: list[Affected] = []


class Fault(Message, frozen=True):
    """A fault that was armed. `detail` is a sentence for people: what it did, or whom it waits for."""

    id: str
    kind: str
    target: FaultTarget
    params: dict[str, Any]
    probability: float
    scope: FaultScope
    seed: int
    ttl: float
    state: FaultState
    armed_at: Timestamp
    expires_at: Timestamp
    proof: Proof = Proof()
    ended_at: Timestamp | None = None
    detail: str = ""


class Restored(Message, frozen=True):
    """`removed` are the ids of the faults that were in force; `undone` says what was put right (thawed, started); `pending` are
    processes that have not said yet that they took notice."""

    removed: list[str] = []
    undone: list[str] = []
    pending: list[str] = []


# --- the catalogue ------------------------------------------------------------------------------------------------


class ParamType(StrEnum):
    INTEGER = "integer"
    NUMBER = "number"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    TEXT = "text"


class FaultParam(Message, frozen=True):
    """A parameter of a kind. `title` and `help` are for people. `only_with` says which values another one (a choice) must have
    for this one to count: `{"distribution": ["fixed", "uniform"]}`; empty: it always counts."""

    name: str
    type: ParamType
    title: str
    help: str
    default: Any
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] = []
    only_with: dict[str, list[str]] = {}
    timing: bool = False
    """It says when the fault acts, not what it does; it is the same for all kinds that have it."""


class FaultKindInfo(Message, frozen=True):
    """A kind of fault. `sees` is what a client will see of it.

    Of the target's fields `needs` are those of which at least one must be given, empty if none must; `allows` may be
    given besides. With `exclusive` exactly one of `needs`.
    A kind that is not `armable` is not armed but sent, by the request console.
    `draws`: probability, scope and seed mean something.
    """

    kind: str
    family: FaultFamily
    layer: FaultLayer
    title: str
    sees: str
    help: str
    needs: list[str]
    allows: list[str]
    scopes: list[FaultScope]
    params: list[FaultParam]
    exclusive: bool = False
    draws: bool = True
    armable: bool = True


class FaultCatalogue(Message, frozen=True):
    items: list[FaultKindInfo]


# --- to and from the processes ---------------------------------------------------------------------------------------


class ArmedFault(Message, frozen=True):
    """A fault as the process that carries it out is told it. `armed_at` and `deadline` are the monotonic clock's, which all
    processes of one machine share; it acts from the one until `now >= deadline`. `params` are complete."""

    id: str
    kind: str
    target: FaultTarget
    params: dict[str, Any]
    probability: float
    scope: FaultScope
    seed: int
    armed_at: float
    deadline: float


class FaultCounts(Message, frozen=True):
    """What one process counted of one fault since the process was started. The gateway alone counts clients."""

    id: str
    eligible: int
    injected: int
    client_requests: int = 0
    client_failures: int = 0
    added_ms: Latency | None = None
    last: list[Affected] = []


class Faults(Message, tag_field="type", tag="faults", frozen=True):
    """All faults in force, to every child: a full snapshot of which only the newest counts. Each child says at once, with
    `FaultsInForce`, that it has it."""

    revision: int
    items: list[ArmedFault] = []


class FaultsInForce(Message, tag_field="type", tag="faults-in-force", frozen=True):
    """A child decides by the faults of this revision from now on. `calls`: it calls services, so that it carries out faults of
    the HTTP edge."""

    revision: int
    calls: bool = False
