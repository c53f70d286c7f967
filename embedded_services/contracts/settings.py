"""The settings of a system, as data: what `workspace.json` holds and `/v1/settings` shows and changes.

Everything that can be tuned while the system runs is here with its bounds, its default and (in the docstring or
`Meta`) its unit; validation, OpenAPI and forms are derived from these types.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.wire import END, Message, Name, Port, Request, Weight

Seconds = Annotated[float, Meta(ge=0.01, le=3600, extra_json_schema={"x-unit": "s"})]
Replicas = Annotated[int, Meta(ge=0, le=64)]


class Strategy(StrEnum):
    ROUND_ROBIN = "round-robin"
    RANDOM = "random"
    LEAST_CONNECTIONS = "least-connections"
    POWER_OF_TWO = "power-of-two"
    WEIGHTED_ROUND_ROBIN = "weighted-round-robin"
    CONSISTENT_HASH = "consistent-hash"


class CallPolicy(Request, frozen=True):
    """How a service is called.

    `timeout_s` bounds the whole call, all tries together. `try_timeout_s` bounds a single try that could still be
    repeated elsewhere; the last possible try may use all that is left. `tries` counts the first one too.
    """

    connect_timeout_s: Seconds = 0.5
    try_timeout_s: Seconds = 1.0
    timeout_s: Seconds = 5.0
    tries: Annotated[int, Meta(ge=1, le=10)] = 3


class ServiceSettings(Request, frozen=True):
    """A service of the system.

    `kind` names the package under `services/` that its processes run, or is `external`: then this system starts none of
    its instances (`replicas` is 0), and they register themselves.
    """

    kind: Name
    replicas: Replicas = 2
    port: Port = 3001
    strategy: Strategy = Strategy.ROUND_ROBIN
    policy: CallPolicy = msgspec.field(default_factory=CallPolicy)
    weights: dict[str, Weight] = {}


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
    """`body_limit` is bytes; `header_limit` is bytes, for the request line and all fields together."""

    body_limit: Annotated[int, Meta(ge=1024, le=1 << 30, extra_json_schema={"x-unit": "bytes"})] = (
        10 * 1024 * 1024
    )
    header_limit: Annotated[int, Meta(ge=1024, le=1 << 20, extra_json_schema={"x-unit": "bytes"})] = 32 * 1024


class Settings(Request, frozen=True):
    """The whole system. Service names are keys, so that no two can share one."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    services: dict[Name, ServiceSettings]
    routes: list[Route]
    dashboard: dict[str, DashboardPart] = {}
    health: HealthPolicy = msgspec.field(default_factory=HealthPolicy)
    gateway: GatewaySettings = msgspec.field(default_factory=GatewaySettings)
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)


class SettingsState(Message, frozen=True):
    """`revision` counts up with each change; send it as `If-Match` to change only what you have seen."""

    revision: int
    settings: Settings


class ServicePatch(Request, omit_defaults=True, frozen=True):
    replicas: Replicas | None = None
    strategy: Strategy | None = None
