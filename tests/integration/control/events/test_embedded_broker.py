"""The event desk with the embedded broker in this process, which tells of its queues as its own process does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from embedded_services.broker.broker import Broker
from embedded_services.broker.handshake import Login
from embedded_services.broker.report import QueueReport
from embedded_services.bus import names
from embedded_services.common.clock import SystemClock
from embedded_services.common.platform import listening_socket
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import NewEvent
from embedded_services.contracts.queues import QueueState, ReplayOptions
from tests.helpers.desk import Client, Watched, client, watched_desk

QUEUE = names.queue_of("order")
DEAD = names.dead_queue(QUEUE)


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[tuple[str, QueueReport]]:
    with listening_socket("127.0.0.1", 0) as sock:
        broker = Broker(tmp_path / "broker.db", Login("guest", "guest"), SystemClock())
        async with broker.serving(sock):
            yield f"amqp://guest:guest@127.0.0.1:{sock.getsockname()[1]}/", QueueReport(broker)


@pytest_asyncio.fixture
async def other(url: tuple[str, QueueReport]) -> AsyncIterator[Client]:
    async with client(url[0]) as other:
        await other.service("order", "order.*")
        yield other


@pytest_asyncio.fixture
async def desk(url: tuple[str, QueueReport], other: Client, tmp_path: Path) -> AsyncIterator[Watched]:
    async with watched_desk(url[0], tmp_path / "history", report=url[1]) as desk:
        await desk.until(lambda: DEAD in desk.desk.queues.names())
        yield desk


def queue(desk: Watched, name: str) -> QueueState:
    return desk.desk.queues.rows()[name]


async def test_queues_are_told_with_what_only_the_broker_knows(desk: Watched, other: Client) -> None:
    await other.publish("order.created", 1)
    await desk.until(lambda: queue(desk, QUEUE).ready == 1)
    row = queue(desk, QUEUE)
    assert (row.type, row.durable, row.unacked, row.consumers, row.bound) == (
        "classic", True, 0, 0, ["order.*"],
    )  # fmt: skip
    assert row.bytes


async def test_whether_anybody_wants_an_event_is_told_though_the_tap_gets_all(desk: Watched) -> None:
    assert (await desk.desk.publish(NewEvent(type="order.created"))).routed is True
    assert (await desk.desk.publish(NewEvent(type="nobody.cares"))).routed is False
    await desk.until(lambda: desk.desk.history.total == 2)


async def test_a_dead_letter_that_nobody_would_get_is_not_sent_into_the_void(
    desk: Watched, other: Client
) -> None:
    await other.die("order", "nobody.cares")
    await desk.until(lambda: desk.letters("order"))
    letter = desk.letters("order")[0]
    with pytest.raises(ApiError, match="no queue is bound") as error:
        await desk.desk.replays.one(letter.id, ReplayOptions(to="exchange"))
    assert error.value.code == "CONFLICT"
    assert desk.letters("order") == [letter]
    await desk.desk.replays.one(letter.id, ReplayOptions())
    assert await other.count(QUEUE) == 1


async def test_dead_letters_count_as_lying_there_while_they_are_shown(desk: Watched, other: Client) -> None:
    for number in range(3):
        await other.die("order", "order.created", number)
    await desk.until(lambda: len(desk.letters("order")) == 3)
    await desk.until(lambda: (queue(desk, DEAD).ready, queue(desk, DEAD).unacked) == (3, 0))
    assert desk.desk.letters_in_queues() == 3
    await other.channel.queue_delete(DEAD)
    await desk.until(lambda: not desk.letters("order"))


async def test_more_than_can_be_held_is_said(
    url: tuple[str, QueueReport], other: Client, tmp_path: Path
) -> None:
    for number in range(30):
        await other.die("order", "order.created", number)
    async with watched_desk(url[0], tmp_path / "history", report=url[1], max_held=10) as desk:
        await desk.until(lambda: (len(desk.letters("order")), desk.desk.letters_in_queues()) == (10, 30))
        letter = desk.letters("order")[0]
        await desk.desk.replays.discard(letter.id)
        await desk.until(lambda: (len(desk.letters("order")), desk.desk.letters_in_queues()) == (10, 29))


async def test_the_bus_says_how_it_is(desk: Watched, other: Client) -> None:
    def row() -> object:
        return desk.desk.states()["bus"]().get("bus")

    await desk.until(lambda: getattr(row(), "connected", False))
    for number in range(5):
        await other.publish("order.created", number)
    await desk.until(lambda: getattr(row(), "total", 0) == 5)
    bus = desk.desk.states()["bus"]()["bus"]
    assert (getattr(bus, "kind", ""), getattr(bus, "problem", "?"), getattr(bus, "dropped", -1)) == (
        "embedded",
        "",
        0,
    )
    await desk.desk.disconnect()
    assert desk.desk.states()["bus"]() == {}
