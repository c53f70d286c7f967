"""One running system for all tests of the timeline."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.helpers.ports import free_port
from tests.helpers.system import RunningSystem, away_from_others, running_system


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    folder = away_from_others(tmp_path_factory.mktemp("timeline") / "ws")
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        yield system
