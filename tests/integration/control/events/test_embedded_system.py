"""Events in a system as it starts by itself, with its own broker, which is killed."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

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


@contextmanager
def taking(port: int) -> Iterator[threading.Event]:
    """Somebody who takes the port as soon as it is free, and is told of by the event."""
    took, enough = threading.Event(), threading.Event()

    def take() -> None:
        while not enough.is_set():
            with socket.socket() as stranger:
                try:
                    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    stranger.bind(("127.0.0.1", port))
                    stranger.listen()
                except OSError:
                    continue
                took.set()
                enough.wait()

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield took
    finally:
        enough.set()
        thread.join()


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


async def test_a_broker_whose_port_is_taken_while_it_restarts_is_followed_to_another(
    system: RunningSystem,
) -> None:
    before = urlsplit((await system.control.system()).broker or "").port
    assert before is not None
    with taking(before) as took:
        for _ in range(20):
            await system.control.act_on_process("broker", "kill")
            await until(lambda: _again(system), 10.0)
            if took.is_set():
                break
        assert took.is_set()
        after = urlsplit((await system.control.system()).broker or "").port
        assert after not in (None, before)
        token = await system.login("admin@faultdeck.local")
        answer = await system.gateway.patch("/api/products/prod1", headers=token, json={"stock": 77})
        assert answer.status_code == 200, answer.text

        async def told_by_a_service() -> Any:
            page = await system.control.events(EventQuery(type="inventory.updated", q="77"))
            return page.items or None

        await until(told_by_a_service, 10.0)


async def _again(system: RunningSystem) -> Any:
    """The broker is healthy, and the control plane is connected to it."""
    rows = {row.name: row for row in (await system.control.processes()).items}
    ready = rows["broker"].status == "healthy"
    return (ready and await published(system, "nobody.cares", "") is not None) or None
