"""The gateway's process: puts its parts together, and takes them apart again.

Peers and settings come down the agent link and hold for the next request; call counters and request records go up.
Leaving `serve` stops listening, finishes what is under way within a second, and closes everything.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Final

from embedded_services.agent.context import ChildContext
from embedded_services.common.clock import Clock
from embedded_services.common.platform import listening_socket, raise_file_limit
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.gateway import DecisionKind
from embedded_services.contracts.settings import Settings
from embedded_services.gateway import health, metrics, openapi
from embedded_services.gateway.auth import Authenticator
from embedded_services.gateway.http import JSON, Response
from embedded_services.gateway.limit_report import LimitReport
from embedded_services.gateway.openapi import GatewayDocument
from embedded_services.gateway.pipeline import Gateway
from embedded_services.gateway.request_log import RequestLog
from embedded_services.gateway.server import GatewayServer
from embedded_services.gateway.settings_in_force import SettingsInForce
from embedded_services.gateway.telemetry import Telemetry
from embedded_services.telemetry.process_figures import own_figures
from embedded_services.upstream.client import UpstreamClient

_FILES: Final = 16_384
_BACKLOG: Final = 2048
_PEERS_S: Final = 0.5
"""How long clients are kept waiting after the start until it is known who is in rotation."""


async def _tidy(gateway: Gateway, telemetry: Telemetry, clock: Clock) -> None:
    """Give back the memory of clients that are forgotten, a little at a time, also when nobody asks for anything; and take
    in what was counted, also when no control plane listens."""
    while True:
        await clock.sleep(1.0)
        telemetry.tick(clock.monotonic())
        gateway.rate_limit.tidy(clock.monotonic())


@asynccontextmanager
async def _listening(
    server: GatewayServer, sock: socket.socket, told: asyncio.Event, tasks: Tasks
) -> AsyncIterator[asyncio.Server]:
    """Serve from the moment on at which peers are known: before, every call would fail. Who comes earlier waits; without a
    control plane that tells them, no longer than `_PEERS_S`."""
    sock.listen(_BACKLOG)
    listener = await asyncio.get_running_loop().create_server(
        server, sock=sock, backlog=_BACKLOG, start_serving=False
    )

    async def accept() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PEERS_S):
                await told.wait()
        await listener.start_serving()

    cancel = tasks.spawn(accept(), "accept")
    try:
        yield listener
    finally:
        cancel()
        listener.close()


def _metrics(gateway: Gateway, upstream: UpstreamClient, telemetry: Telemetry, clock: Clock) -> Response:
    telemetry.tick(clock.monotonic())
    upstreams = list(telemetry.upstreams.values())
    measured = metrics.Measured(telemetry, upstream.book, upstreams, gateway.rate_limit, own_figures())
    return Response(200, [metrics.CONTENT_TYPE], metrics.render(measured))


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    """Yields the port. Raises OSError with EADDRINUSE when it is taken."""
    spec = context.spec
    raise_file_limit(_FILES)
    with closing(listening_socket(spec.host, spec.port)) as sock:
        async with _serving(context, sock):
            yield int(sock.getsockname()[1])


@asynccontextmanager
async def _serving(context: ChildContext, sock: socket.socket) -> AsyncIterator[None]:
    spec, clock = context.spec, context.clock
    request_log = RequestLog(context.workspace / "logs" / "requests.log", clock)
    async with Tasks("gateway") as tasks, UpstreamClient(spec.settings, clock) as upstream:
        described = GatewayDocument()
        telemetry = Telemetry(spec.settings, spec.settings_revision, upstream, request_log, clock)
        gateway = Gateway(
            spec.settings,
            upstream,
            Authenticator(spec.jwt_secret, clock),
            telemetry,
            clock,
            {
                "/health": partial(health.health, clock),
                "/ready": lambda: health.ready(gateway.settings, upstream),
                openapi.PATH: lambda: Response(200, [JSON], described.encoded(gateway.settings)),
                "/metrics": lambda: _metrics(gateway, upstream, telemetry, clock),
            },
        )

        def apply(settings: Settings, revision: int) -> None:
            upstream.update_settings(settings)
            gateway.apply(settings)
            telemetry.apply(settings, revision)

        def refused(why: str) -> None:
            upstream.decisions.tell(DecisionKind.SETTINGS_REFUSED, "", None, why)

        upstream.inject(context.faults)
        gateway.faults = context.faults
        in_force = SettingsInForce(spec.settings, spec.settings_revision, apply, refused)
        told = asyncio.Event()
        context.link.on_peers(upstream.update_peers)
        context.link.on_peers(lambda _: told.set())
        context.link.on_policies(in_force.take)
        context.link.on_command("settings-in-force", in_force.answer)
        context.link.on_linked(telemetry.tell_again)
        context.link.report(lambda: telemetry.beat(clock.monotonic()))
        limits = LimitReport(gateway.rate_limit, clock)
        context.link.on_linked(limits.tell_again)
        context.link.report(limits.beat)
        context.link.on_command("limit-clients", limits.page)
        context.link.on_command("reset-limits", limits.reset)
        tasks.spawn(request_log.run(), "request log")
        tasks.spawn(_tidy(gateway, telemetry, clock), "tidy")
        try:
            async with GatewayServer(gateway, clock) as server:
                telemetry.clients = server
                async with _listening(server, sock, told, tasks) as listener:
                    yield
            await listener.wait_closed()
        finally:
            await request_log.flush()
