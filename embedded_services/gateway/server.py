"""The gateway's server: clients begin on the fast path (`edge`), and go on behind aiohttp if it takes more than that.

It owns what both paths share: one batch of writes, one timer that looks for clients who take too long, and the end.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.gateway.aiohttp_server import AiohttpConnection, AiohttpServer
from embedded_services.gateway.edge import EdgeConnection
from embedded_services.gateway.patience import Patience, round_s
from embedded_services.gateway.pipeline import Gateway

DRAIN_S: Final = 0.5
"""aiohttp waits as long for a request to end, and once more for its task to."""


class GatewayServer:
    """The protocol factory for `loop.create_server`. `async with` ends all connections at its end; what is under way has
    `DRAIN_S` to finish."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._tasks = Tasks("clients")
        self._writes = WriteBatch()
        self._edge: set[EdgeConnection] = set()
        self._aiohttp = AiohttpServer(gateway, self._writes)

    def __call__(self) -> asyncio.Protocol:
        if not self._gateway.settings.gateway.fast_path:
            return self._aiohttp()
        return EdgeConnection(self._gateway, self._tasks, self._writes, self._edge, self._aiohttp)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._edge) + len(self._aiohttp.connections)

    @property
    def received(self) -> int:
        """Bytes that clients have sent, heads included."""
        return self._gateway.received

    @property
    def sent(self) -> int:
        """Bytes that clients were sent."""
        return self._writes.sent

    async def __aenter__(self) -> Self:
        self._tasks.spawn(self._watch(), "watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._aiohttp.pre_shutdown()
        for client in list(self._edge):
            client.stop()
        await asyncio.gather(self._aiohttp.shutdown(DRAIN_S), self._finish())
        await self._tasks.close()

    async def _finish(self) -> None:
        """Give the fast path's clients a moment for what is under way."""
        end = self._clock.monotonic() + DRAIN_S
        while self._edge and self._clock.monotonic() < end:
            await self._clock.sleep(0.01)
        for client in list(self._edge):
            if client.transport is not None:
                client.transport.abort()

    async def _watch(self) -> None:
        """Look for clients who take too long, for ever."""
        patience = Patience[EdgeConnection | AiohttpConnection]()
        while True:
            settings = self._gateway.settings.gateway
            await self._clock.sleep(round_s(settings))
            everybody: list[EdgeConnection | AiohttpConnection] = [*self._edge, *self._aiohttp.clients()]
            seen = ((client, client.seen()) for client in everybody)
            for client, stage in patience.overdue(seen, settings, self._clock.monotonic()):
                client.expire(stage)
