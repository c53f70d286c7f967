"""One system, as the window holds it: the backend that runs it, the feed that follows it, the client that commands it.

Presenters take what they need of it: `feed` to show, `control()` to act, `gateway` to send requests to.
"""

import asyncio
from pathlib import Path
from typing import Protocol

from app.core.backend import Backend, Endpoint, Phase
from app.core.feed import Feed
from app.core.messages import NotConnectedError
from embedded_services.client.control_client import ControlClient
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks


class Port(Protocol):
    """What presenters take: the session, or a test's stand-in."""

    @property
    def feed(self) -> Feed: ...

    @property
    def gateway(self) -> str | None:
        """The gateway's URL, None while unknown."""
        ...

    @property
    def workspace(self) -> Path:
        """The folder of the system: databases, `logs/`, settings."""
        ...

    def control(self) -> ControlClient:
        """The client for commands. Raises NotConnectedError while there is no system."""
        ...


class Session:
    """`run` lives as long as the window."""

    def __init__(self, backend: Backend, clock: Clock | None = None) -> None:
        self.backend = backend
        self.feed = Feed(clock)
        self._client: ControlClient | None = None
        self._moved = asyncio.Event()
        self.backend.listen(self._moved.set)

    @property
    def workspace(self) -> Path:
        return self.backend.workspace

    @property
    def gateway(self) -> str | None:
        return self.feed.system.gateway if self.feed.system else None

    def control(self) -> ControlClient:
        if self._client is None:
            raise NotConnectedError
        return self._client

    async def run(self) -> None:
        """Follow the system wherever it goes, until cancelled. It is started and stopped through `backend`."""
        async with Tasks("session") as tasks:
            tasks.spawn(self.backend.run(), "backend")
            while True:
                self._moved.clear()
                endpoint = self.backend.state.endpoint
                if endpoint is None:
                    await self._moved.wait()
                else:
                    await self._use(endpoint, tasks)
                if self.backend.state.phase in (Phase.STOPPED, Phase.FAILED):
                    self.feed.forget()

    async def close(self) -> None:
        """Stop what we started. `run` is to be cancelled afterwards."""
        self.backend.stop()
        await self.backend.stopped()

    async def _use(self, endpoint: Endpoint, tasks: Tasks) -> None:
        """Until the backend moves elsewhere."""
        async with ControlClient(endpoint.control, endpoint.token) as self._client:
            following = tasks.start(self.feed.follow(endpoint.control, endpoint.token), "follow")
            try:
                while self.backend.state.endpoint == endpoint:
                    self._moved.clear()
                    await self._moved.wait()
            finally:
                self._client = None
                following.cancel()
                await asyncio.wait({following})
