"""Events in a system as it starts by itself, with its own broker, which is killed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from embedded_services.client.errors import ControlError
from embedded_services.contracts.events import EventQuery, NewEvent
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem, away_from_others, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    folder = away_from_others(tmp_path_factory.mktemp("embedded") / "ws")
    async with running_system(folder, "--replicas", "1") as system:
        yield system


async def published(system: RunningSystem, type_: str, text: str) -> Any:
    try:
        return await system.control.publish_event(NewEvent(type=type_, data={"text": text}))
    except ControlError as error:
        assert error.code == "SERVICE_UNAVAILABLE"  # noqa: PT017 - the only one that may be
        return None


async def test_its_queues_are_told_with_all_that_the_broker_knows(system: RunningSystem) -> None:
    async def order() -> Any:
        rows = {row.name: row for row in (await system.control.queues()).items}
        row = rows.get("order.events")
        return row if row is not None and row.consumers else None

    row = await until(order, 10.0)
    assert row.unacked is not None
    assert row.bound


async def test_events_go_on_after_the_broker_was_killed(system: RunningSystem) -> None:
    async def before() -> Any:
        return await published(system, "inventory.updated", "before the kill")

    assert (await until(before, 10.0)).routed is not None
    await system.control.act_on_process("broker", "kill")

    async def after() -> Any:
        return await published(system, "inventory.updated", "after the kill")

    await until(after, 15.0)

    async def found() -> Any:
        page = await system.control.events(EventQuery(q="the kill"))
        texts = {text for text in ("before", "after") if any(text in event.body for event in page.items)}
        return texts == {"before", "after"} or None

    await until(found, 10.0)
    assert (await published(system, "nobody.cares", "")).routed is False
