"""One running system for all tests of sagas through the control API."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.helpers.system import RunningSystem, running_system


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    async with running_system(tmp_path_factory.mktemp("sagas") / "ws") as system:
        yield system
