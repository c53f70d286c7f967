import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from embedded_services.agent.context import ChildContext
from embedded_services.agent.link import AgentLink, Reporter
from embedded_services.common import platform
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, Peers, Policies, ServicePeers
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import CallPolicy, Settings
from embedded_services.gateway import process
from tests.helpers.child import JWT_SECRET, child_context, demo_settings
from tests.helpers.raw_client import RawClient, RawResponse, connected, request
from tests.helpers.raw_upstream import RawUpstream, running

SERVICES = ("user", "order", "payment", "notification")
UNLIMITED = LimitSettings(limit=1_000_000)
QUICK = CallPolicy(connect_timeout_s=0.3, try_timeout_s=0.2, timeout_s=0.6)


def token(user: str = "u1", role: str = "customer", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "faultdeck",
        "aud": "faultdeck",
        "sub": user,
        "id": user,
        "role": role,
        "iat": now,
        "exp": now + 600,
    }
    return jwt.encode(claims | changes, JWT_SECRET, algorithm="HS256")


def bearer(**changes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(**changes)}"}


def settings(
    *, limits: LimitSettings = UNLIMITED, policy: CallPolicy | None = None, **changes: Any
) -> Settings:
    demo = demo_settings()
    if policy is not None:
        services = {name: msgspec.structs.replace(one, policy=policy) for name, one in demo.services.items()}
        demo = msgspec.structs.replace(demo, services=services)
    return msgspec.structs.replace(demo, limits=limits, **changes)


class Link(AgentLink):
    """The agent link with a test at its other end."""

    peers: list[Callable[[Peers], None]]
    policies: list[Callable[[Policies], None]]
    reporters: list[Reporter]
    commands: dict[str, Callable[[Any], Awaitable[Any]]]

    def __init__(self, context: ChildContext) -> None:
        super().__init__(context.spec, context.clock)
        self.peers, self.policies, self.reporters = [], [], []
        self.commands = {}

    def on_peers(self, call: Callable[[Peers], None]) -> None:
        self.peers.append(call)

    def on_policies(self, call: Callable[[Policies], None]) -> None:
        self.policies.append(call)

    def on_command(self, name: str, call: Callable[[Any], Awaitable[Any]]) -> None:
        self.commands[name] = call

    def report(self, reporter: Reporter) -> None:
        self.reporters.append(reporter)


@dataclass
class Running:
    """A gateway that serves in this process, and its control plane's end."""

    port: int
    link: Link
    workspace: Path
    revision: int = 0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    serving: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def stop(self) -> None:
        """Stop serving, as at the end of the process."""
        await self.serving.aclose()

    def rotate(self, services: dict[str, list[RawUpstream]], reason: str = "none was started") -> None:
        """Put these instances in rotation, and no others."""
        self.revision += 1
        peers = {
            name: ServicePeers(
                peers=[upstream.peer for upstream in services.get(name, [])],
                reason="" if services.get(name) else reason,
            )
            for name in SERVICES
        }
        for tell in self.link.peers:
            tell(Peers(revision=self.revision, services=peers))

    def apply(self, new: Settings) -> None:
        self.revision += 1
        for tell in self.link.policies:
            tell(Policies(revision=self.revision, settings=new))

    def beat(self) -> Beat | None:
        """What is told of requests and calls."""
        return self.link.reporters[0]()

    def limit_beat(self) -> Beat | None:
        """What is told of the rate limit."""
        beats = [beat for report in self.link.reporters[1:] if (beat := report()) and beat.limits is not None]
        return beats[0] if beats else None

    async def command(self, name: str, argument: Any = None) -> Any:
        return await self.link.commands[name](argument)

    async def ask(self, method: str, target: str, body: bytes = b"", /, **headers: str) -> RawResponse:
        """One request on a connection of its own."""
        async with connected(self.port) as client:
            return await client.ask(method, target, body, **headers)

    async def get(self, target: str, /, **headers: str) -> RawResponse:
        """One GET by a known user."""
        return await self.ask("GET", target, **(bearer() | headers))

    async def connect(self) -> RawClient:
        """A connection that lasts as long as the test."""
        return await self.stack.enter_async_context(connected(self.port))


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def fast_path() -> bool:
    """Whether plain requests are served without aiohttp; `BOTH_PATHS` runs a module's tests with and without."""
    return True


BOTH_PATHS = pytest.mark.parametrize("fast_path", [True, False], ids=["edge", "aiohttp"])


@pytest.fixture
async def start(tmp_path: Path, fast_path: bool) -> AsyncIterator[Start]:
    """`await start(user=[upstream, …], settings=…)` starts the upstreams and a gateway that has them in rotation."""
    async with AsyncExitStack() as stack:

        async def start_gateway(settings: Settings | None = None, **services: list[RawUpstream]) -> Running:
            for upstreams in services.values():
                await stack.enter_async_context(running(*upstreams))
            settings = settings or _DEFAULT
            edge = msgspec.structs.replace(settings.gateway, fast_path=fast_path)
            settings = msgspec.structs.replace(settings, gateway=edge)
            context = child_context(tmp_path, "gateway", settings=settings)
            link = Link(context)
            serving = await stack.enter_async_context(AsyncExitStack())
            port = await serving.enter_async_context(process.serve(replace(context, link=link)))
            gateway = Running(port, link, tmp_path, serving=serving)
            gateway.rotate(services)
            await stack.enter_async_context(gateway.stack)
            return gateway

        yield start_gateway
    await asyncio.sleep(0)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test runs on asyncio's own loop, and on the one that real processes run on."""
    return {"asyncio": asyncio.new_event_loop, "platform": platform.loop_factory()}


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks("test") as tasks:
        yield tasks


_DEFAULT = settings()

__all__ = ["BOTH_PATHS", "QUICK", "Running", "Start", "bearer", "request", "settings", "token"]
