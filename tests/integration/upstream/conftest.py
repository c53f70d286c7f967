import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from embedded_services.common import platform
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import CallPolicy, Settings
from embedded_services.upstream.client import UpstreamClient
from tests.helpers.child import demo_settings
from tests.helpers.raw_upstream import RawUpstream, rotation, running

Connect = Callable[..., Awaitable[UpstreamClient]]

QUICK = CallPolicy(connect_timeout_s=0.3, try_timeout_s=0.15, timeout_s=0.6, tries=3)


def with_policy(policy: CallPolicy, **changes: Any) -> Settings:
    settings = demo_settings()
    services = {
        name: msgspec.structs.replace(service, policy=policy, **changes)
        for name, service in settings.services.items()
    }
    return msgspec.structs.replace(settings, services=services)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """`await connect(upstream, …, policy=…)` starts the upstreams and gives a client that has them in rotation."""
    async with AsyncExitStack() as stack:

        async def start(
            *upstreams: RawUpstream, policy: CallPolicy = QUICK, body_idle_s: float = 5.0
        ) -> UpstreamClient:
            await stack.enter_async_context(running(*upstreams))
            client = await stack.enter_async_context(
                UpstreamClient(with_policy(policy), SystemClock(), body_idle_s=body_idle_s)
            )
            client.update_peers(rotation(*upstreams))
            return client

        yield start
    await asyncio.sleep(0)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test runs on asyncio's own loop, and on the one that real processes run on."""
    return {"asyncio": asyncio.new_event_loop, "platform": platform.loop_factory()}


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks("test") as tasks:
        yield tasks
