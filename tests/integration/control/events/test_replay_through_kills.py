"""The event desk with a broker that is killed at any moment: what lay there lies there, and what is sent again arrives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import aio_pika
import pytest
import pytest_asyncio

from embedded_services.bus import names
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.queues import ReplayGroup, ReplayRequest
from tests.helpers.broker_node import EmbeddedNode
from tests.helpers.desk import Watched, client, watched_desk

COUNT = 400
QUEUE = names.queue_of("order")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path)
    node.start()
    yield node
    node.stop()


@pytest_asyncio.fixture
async def desk(
    node: EmbeddedNode, tmp_path: Path, allow_log: Callable[[str], None]
) -> AsyncIterator[Watched]:
    allow_log("the broker: ")
    async with client(node.url) as other:
        await other.service("order", "order.created")
    async with watched_desk(node.url, tmp_path / "history", ["order"]) as desk:
        yield desk


async def back(desk: Watched, node: EmbeddedNode) -> None:
    node.kill()
    node.start()
    await desk.until(lambda: not desk.desk.link.reading.connected.is_set())
    await desk.connected()


async def test_a_tap_comes_back_and_says_that_it_was_away(desk: Watched, node: EmbeddedNode) -> None:
    async with client(node.url) as other:
        await other.publish("order.created", 1)
        await desk.until(lambda: desk.desk.history.total == 1)
    await back(desk, node)
    async with client(node.url) as other:
        await other.publish("order.created", 2)
        await desk.until(lambda: desk.desk.history.total == 2)
        assert await other.count(QUEUE) == 2
    assert [event.seq for event in desk.events()] == [1, 2]
    assert desk.desk.link.tap.gaps == 1


async def test_a_replay_that_a_kill_broke_off_can_be_finished(desk: Watched, node: EmbeddedNode) -> None:
    async with client(node.url) as other:
        await asyncio.gather(*(other.die("order", "order.created", number) for number in range(COUNT)))
    await desk.until(lambda: len(desk.letters("order")) == COUNT)
    first = desk.desk.replays.many(ReplayRequest(group=ReplayGroup()))
    await desk.until(lambda: desk.desk.replays.get(first.id).done >= COUNT // 4)
    await back(desk, node)
    await desk.until(lambda: desk.desk.replays.get(first.id).state != "running", within_s=40.0)
    row = desk.desk.replays.get(first.id)
    assert row.done + row.failed == COUNT
    while desk.letters("order"):
        await desk.until(lambda: desk.desk.link.letters.is_settled)
        try:
            again = desk.desk.replays.many(ReplayRequest(group=ReplayGroup()))
        except ApiError as error:
            assert error.code == "CONFLICT"  # noqa: PT017 - of two beginnings only one is right
            continue
        await desk.until(partial(is_over, desk, again.id))
    arrived = await drained(node)
    assert set(arrived) == {f"m-order.created-{number}" for number in range(COUNT)}
    async with client(node.url) as other:
        assert await other.count(names.dead_queue(QUEUE)) == 0


def is_over(desk: Watched, replay: str) -> bool:
    return desk.desk.replays.get(replay).state != "running"


async def drained(node: EmbeddedNode) -> list[str]:
    """The ids of all that lie in the service's queue."""
    connection = await aio_pika.connect(node.url)
    try:
        channel = await connection.channel()
        queue = await channel.declare_queue(QUEUE, passive=True)
        found = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            found.append(json.loads(message.body)["messageId"])
        return found
    finally:
        await connection.close()
