"""Requests through the gateway as its telemetry gets to see them, without a gateway."""

from pathlib import Path

import msgspec

from embedded_services.common.clock import Clock, SystemClock
from embedded_services.gateway.exchange import Exchange, Identity, Trace
from embedded_services.gateway.http import Headers, Request
from embedded_services.gateway.request_log import RequestLog
from embedded_services.gateway.story import Story
from embedded_services.gateway.telemetry import Callings, Telemetry
from embedded_services.upstream.client import UpstreamClient
from tests.helpers.child import demo_settings

TRACE = Trace("a" * 32, "b" * 16, "01", None, "c" * 16)


class LineLog(RequestLog):
    """Keeps its lines for the test to read."""

    def __init__(self) -> None:
        super().__init__(Path("unused"), SystemClock())
        self.lines: list[bytes] = []
        self.passed_over = 0

    def add(self, line: bytes) -> None:
        self.lines.append(line)

    def pass_over(self, count: int) -> None:
        self.passed_over += count


def telemetry(
    *,
    traces_per_s: int = 100,
    log: RequestLog | None = None,
    upstream: Callings | None = None,
    clock: Clock | None = None,
) -> Telemetry:
    demo = demo_settings()
    gateway = msgspec.structs.replace(demo.gateway, traces_per_s=traces_per_s)
    settings = msgspec.structs.replace(demo, gateway=gateway)
    clock = clock or SystemClock()
    return Telemetry(settings, 1, upstream or UpstreamClient(settings, clock), log or LineLog(), clock)


def exchange(
    number: int = 1,
    *,
    route: str | None = "/api/users",
    instance: str | None = "user-1",
    story: Story | None = None,
    started: float = 0.0,
) -> Exchange:
    request = Request("GET", "/api/users/u1?a=1", "/api/users/u1", "a=1", Headers(()), "127.0.0.9")
    return Exchange(
        request,
        f"request-{number}",
        1000.5 + started,
        started,
        TRACE,
        identity=Identity.of("u1", ""),
        route=route,
        service="user",
        instance=instance,
        tries=1,
        sampled=story is not None,
        story=story,
    )
