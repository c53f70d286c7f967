"""The gateway's word on itself: `/health` that it runs, `/ready` whether every service has somebody to answer."""

import msgspec

from embedded_services.common.clock import Clock, iso_utc
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.wire import Message
from embedded_services.gateway.http import JSON, Response
from embedded_services.upstream.client import UpstreamClient


class Health(Message, frozen=True):
    status: str
    timestamp: str


class Readiness(Message, frozen=True):
    """Of one service: how many instances are in rotation, and why there is none."""

    instances: int
    reason: str


class Ready(Message, frozen=True):
    """`status` is `ready` when every service has an instance, else `unavailable`."""

    status: str
    services: dict[str, Readiness]


def health(clock: Clock) -> Response:
    return Response(
        200, [JSON], msgspec.json.encode(Health(status="healthy", timestamp=iso_utc(clock.now())))
    )


def ready(settings: Settings, upstream: UpstreamClient) -> Response:
    services = {}
    for name in settings.services:
        instances, reason = upstream.peers(name)
        services[name] = Readiness(instances=instances, reason=reason)
    everybody = all(service.instances for service in services.values())
    answer = Ready(status="ready" if everybody else "unavailable", services=services)
    return Response(200 if everybody else 503, [JSON], msgspec.json.encode(answer))
