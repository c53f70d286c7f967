"""The settings of a system, as data: what `workspace.json` holds and `/v1/settings` shows and changes.

Everything that can be tuned while the system runs is here with its bounds, its default and (in the docstring or
`Meta`) its unit; validation, OpenAPI and forms are derived from these types.
"""

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated

import msgspec
from msgspec import Meta

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.wire import END, Message, Name, Port, Request, Weight

Seconds = Annotated[float, Meta(ge=0.01, le=3600, extra_json_schema={"x-unit": "s"})]
Percent = Annotated[int, Meta(ge=0, le=100, extra_json_schema={"x-unit": "%"})]
Replicas = Annotated[int, Meta(ge=0, le=64)]
HashKey = Annotated[
    str,
    Meta(
        pattern=r"^(ip|user|path|header:[A-Za-z0-9-]{1,64})" + END,
        extra_json_schema={"x-form": "ip, user, path or header:<name>"},
    ),
]


class Strategy(StrEnum):
    ROUND_ROBIN = "round-robin"
    RANDOM = "random"
    LEAST_CONNECTIONS = "least-connections"
    POWER_OF_TWO = "power-of-two"
    WEIGHTED_ROUND_ROBIN = "weighted-round-robin"
    CONSISTENT_HASH = "consistent-hash"


class RetryPolicy(Request, frozen=True):
    """When a try is repeated on another instance: it could not be sent, or the request may be repeated and the try broke
    off, took too long or was answered with one of `statuses`.

    The wait before a repetition is drawn evenly from zero to `backoff_s`, doubled for each further one up to
    `backoff_max_s`; none after a try that was never sent. Of all calls to the service in the last ten seconds at most
    `budget_percent` may be repetitions, but `budget_floor_per_s` always may, so that a quiet service can repeat too.
    """

    enabled: bool = True
    statuses: Annotated[tuple[Annotated[int, Meta(ge=500, le=599)], ...], Meta(max_length=20)] = (
        502,
        503,
        504,
    )
    backoff_s: Annotated[float, Meta(ge=0, le=10, extra_json_schema={"x-unit": "s"})] = 0.025
    backoff_max_s: Annotated[float, Meta(ge=0, le=60, extra_json_schema={"x-unit": "s"})] = 0.25
    budget_percent: Percent = 20
    budget_floor_per_s: Annotated[int, Meta(ge=0, le=10_000, extra_json_schema={"x-unit": "1/s"})] = 10


class HedgePolicy(Request, frozen=True):
    """A repeatable request that has no answer after `after_s` is sent to a second instance too; the first answer wins and
    the other call is cancelled. A hedge counts against the retry budget."""

    enabled: bool = False
    after_s: Seconds = 0.1


class BreakerPolicy(Request, frozen=True):
    """A breaker for each instance: open when of at least `minimum_calls` in the last `window_s` no fewer than
    `failure_percent` failed; after `open_s` half-open, when `probes` calls at a time may try it: that many successes
    close it, one failure opens it again."""

    enabled: bool = True
    failure_percent: Annotated[int, Meta(ge=1, le=100, extra_json_schema={"x-unit": "%"})] = 50
    minimum_calls: Annotated[int, Meta(ge=1, le=10_000)] = 20
    window_s: Annotated[int, Meta(ge=1, le=300, extra_json_schema={"x-unit": "s"})] = 10
    open_s: Seconds = 5.0
    probes: Annotated[int, Meta(ge=1, le=100)] = 3


class OutlierPolicy(Request, frozen=True):
    """An instance that fails `consecutive_failures` times in a row is ejected for `ejection_s`, longer each time it happens
    again, up to `max_ejection_s`. At most `max_ejected_percent` of a service's instances are out at a time (one may
    always be, if there are two). When fewer than `panic_percent` would be left, by ejection or open breakers, all are
    used again: a guess is better than certain failure. Only with no breaker closed all calls fail at once, but for probes."""

    enabled: bool = True
    consecutive_failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    ejection_s: Seconds = 10.0
    max_ejection_s: Seconds = 300.0
    max_ejected_percent: Percent = 50
    panic_percent: Percent = 50


class ConcurrencyPolicy(Request, frozen=True):
    """At most `limit` calls under way on an instance; when all are full, at most `queue` calls of the service wait, each
    no longer than `queue_timeout_s`, first come, first served."""

    enabled: bool = True
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1024
    queue: Annotated[int, Meta(ge=0, le=100_000)] = 1024
    queue_timeout_s: Seconds = 1.0


class CallPolicy(Request, frozen=True):
    """How a service is called.

    `timeout_s` bounds the whole call, all tries together; what is left of it is told to the instance. `try_timeout_s`
    bounds a single try that could still be repeated elsewhere; the last possible try may use all that is left. `tries`
    counts the first one too.
    """

    connect_timeout_s: Seconds = 0.5
    try_timeout_s: Seconds = 1.0
    timeout_s: Seconds = 5.0
    tries: Annotated[int, Meta(ge=1, le=10)] = 3
    retries: RetryPolicy = msgspec.field(default_factory=RetryPolicy)
    hedging: HedgePolicy = msgspec.field(default_factory=HedgePolicy)
    breaker: BreakerPolicy = msgspec.field(default_factory=BreakerPolicy)
    outliers: OutlierPolicy = msgspec.field(default_factory=OutlierPolicy)
    concurrency: ConcurrencyPolicy = msgspec.field(default_factory=ConcurrencyPolicy)


class ServiceSettings(Request, frozen=True):
    """A service of the system.

    `kind` names the package under `services/` that its processes run, or is `external`: then this system starts none of
    its instances (`replicas` is 0), and they register themselves. `hash_key` is what consistent hashing goes by; a request
    that does not show it goes by its client's address.
    """

    kind: Name
    replicas: Replicas = 2
    port: Port = 3001
    strategy: Strategy = Strategy.ROUND_ROBIN
    policy: CallPolicy = msgspec.field(default_factory=CallPolicy)
    weights: dict[str, Weight] = {}
    hash_key: HashKey = "ip"


class Route(Request, frozen=True):
    """Requests whose path is `prefix`, or lies below it unless `exact`, go to `service` with `/api` taken off."""

    prefix: Annotated[str, Meta(pattern=r"^/api(/[A-Za-z0-9._~-]+)+" + END, max_length=200)]
    service: Name
    exact: bool = False
    public: bool = False
    methods: list[str] | None = None


class DashboardPart(Request, frozen=True):
    """One part of `/api/dashboard`: a GET on `service`; `{userId}` in the path is the caller; `select` picks a field."""

    service: Name
    path: Annotated[str, Meta(pattern=r"^/[!-~]*" + END, max_length=500)]
    select: str | None = None


class HealthPolicy(Request, frozen=True):
    """When a running instance leaves and rejoins the rotation: `fall` checks in a row missed, `rise` in a row passed."""

    interval_s: Seconds = 1.0
    timeout_s: Seconds = 0.5
    fall: Annotated[int, Meta(ge=1, le=100)] = 2
    rise: Annotated[int, Meta(ge=1, le=100)] = 1


class GatewaySettings(Request, frozen=True):
    """`body_limit` is bytes; `header_limit` is bytes, for the request line and all fields together.

    A client may take `header_timeout_s` for a head, pause `body_idle_s` in a body, take nothing of an answer for
    `send_idle_s`, and keep an unused connection for `keep_alive_s`. `X-Forwarded-For` is believed only from
    `trusted_proxies` (addresses or networks). `traces_per_s` requests a second are recorded with every detail.
    `fast_path` serves plain requests without aiohttp, on connections that begin from then on; only there can a client switch
    to another protocol (WebSocket).
    """

    body_limit: Annotated[int, Meta(ge=1024, le=1 << 30, extra_json_schema={"x-unit": "bytes"})] = (
        10 * 1024 * 1024
    )
    header_limit: Annotated[int, Meta(ge=1024, le=1 << 20, extra_json_schema={"x-unit": "bytes"})] = 32 * 1024
    header_timeout_s: Seconds = 10.0
    body_idle_s: Seconds = 30.0
    send_idle_s: Seconds = 30.0
    keep_alive_s: Seconds = 75.0
    trusted_proxies: Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(max_length=100)] = []
    traces_per_s: Annotated[int, Meta(ge=0, le=10_000, extra_json_schema={"x-unit": "1/s"})] = 100
    fast_path: bool = True

    def __post_init__(self) -> None:
        for name in self.trusted_proxies:
            try:
                ip_network(name, strict=False)
            except ValueError as error:  # what is raised here, msgspec makes a validation error
                raise ValueError(f"trustedProxies: {error}") from error


class SmtpSettings(Request, frozen=True):
    """The server that takes e-mail, and `from`, the address that it comes from. `user` null: nobody logs in.

    With `starttls` the connection is encrypted before anything is said, and the server's certificate must be valid. The
    `password` can be written but not read: it is shown as a mask, and whoever sends the mask or nothing keeps it."""

    host: Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+" + END)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    from_: Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s<>]+@[^@\s<>]+" + END)] = (
        msgspec.field(name="from", default="faultdeck@localhost")
    )
    user: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    password: Annotated[str, Meta(max_length=200)] | None = None
    starttls: bool = False


class DeliverySettings(Request, frozen=True):
    """Where notifications are sent besides being stored; by default nowhere. E-mail goes to `smtp`; SMS and push are posted
    as JSON to `webhook_url`."""

    smtp: SmtpSettings | None = None
    webhook_url: Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s/]+[^\s]*" + END)] | None = None


class BrokerSettings(Request, frozen=True):
    """The AMQP broker that carries the events, `url` null: the embedded one, on `port` or the next free one. A change is in
    force from the next start.

    Where it is shown, a password in the address is masked; sent back as it was shown, it stays what it was."""

    url: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=500,
                pattern=r"^amqps?://[^\s/?#]\S*" + END,
                extra_json_schema={"x-form": "like amqp://user:password@host:5672/vhost"},
            ),
        ]
        | None
    ) = None
    port: Port = 5672


class OrchestratorSettings(Request, frozen=True):
    """The process that runs the sagas: on `port` or the next free one. A change is in force from the next start."""

    port: Port = 3005


class Settings(Request, frozen=True):
    """The whole system. Service names are keys, so that no two can share one."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    services: dict[Name, ServiceSettings]
    routes: list[Route]
    dashboard: dict[str, DashboardPart] = {}
    health: HealthPolicy = msgspec.field(default_factory=HealthPolicy)
    gateway: GatewaySettings = msgspec.field(default_factory=GatewaySettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    delivery: DeliverySettings = msgspec.field(default_factory=DeliverySettings)
    broker: BrokerSettings = msgspec.field(default_factory=BrokerSettings)
    orchestrator: OrchestratorSettings = msgspec.field(default_factory=OrchestratorSettings)


class SettingsState(Message, frozen=True):
    """`revision` counts up with each change; send it as `If-Match` to change only what you have seen."""

    revision: int
    settings: Settings


class ServicePatch(Request, omit_defaults=True, frozen=True):
    replicas: Replicas | None = None
    strategy: Strategy | None = None
