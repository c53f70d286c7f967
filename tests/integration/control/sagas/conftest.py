"""One running system for all tests of sagas through the control API."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.helpers.system import RunningSystem, running_away_from_others


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    async with running_away_from_others(tmp_path_factory.mktemp("sagas") / "ws") as system:
        yield system
