"""The processes are told where the broker is from when the tap listens there, and as long as its process lives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.control import broker_address
from embedded_services.control.broker_address import BrokerAddress
from embedded_services.control.events.desk import EventDesk
from tests.helpers.broker_node import BrokerNode, EmbeddedNode
from tests.helpers.desk import client


@dataclass
class Told:
    """What the processes were told, in order."""

    desk: EventDesk = field(init=False)
    address: BrokerAddress = field(init=False)
    urls: list[str | None] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        if not self.urls or self.urls[-1] != self.address.told:
            self.urls.append(self.address.told)
        self.changed.set()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def until_told(self, url: str) -> None:
        await self.until(lambda: self.address.told == url)


@asynccontextmanager
async def addressed(folder: Path, external: str | None = None) -> AsyncIterator[Told]:
    told = Told()
    told.desk = desk = EventDesk(folder, SystemClock(), lambda *_: told.changed.set(), list)
    async with desk.serving(), Tasks("test") as tasks:
        told.address = BrokerAddress(desk, tasks, told.tell, external)
        told.address.start()
        yield told


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], BrokerNode]:
    def start(name: str) -> BrokerNode:
        folder = tmp_path / name
        folder.mkdir()
        node = EmbeddedNode(folder)
        node.start()
        request.addfinalizer(node.stop)
        return node

    return start


async def test_nothing_is_told_until_the_broker_listens_and_the_tap_does(
    start: Callable[[str], BrokerNode], tmp_path: Path
) -> None:
    node = start("one")
    async with addressed(tmp_path) as told:
        assert (told.address.url, told.address.told) == (None, None)
        told.address.listens(node.port)
        assert told.address.url == node.url
        assert told.address.told is None
        await told.until_told(node.url)
        assert told.desk.link.reading.connected.is_set()
        assert told.address.settled.is_set()
        told.address.listens(node.port)  # its link was lost and is there again
        assert told.urls == [None, node.url]


async def test_a_broker_that_comes_back_elsewhere_is_tapped_and_told_there(
    start: Callable[[str], BrokerNode], tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("no longer where it was")
    one, two = start("one"), start("two")
    async with addressed(tmp_path) as told:
        told.address.listens(one.port)
        await told.until_told(one.url)
        told.address.ended()
        told.address.ended()
        assert told.address.told is None
        assert not told.desk.link.reading.connected.is_set()
        told.address.listens(two.port)
        await told.until_told(two.url)
        assert told.urls == [None, one.url, None, two.url]
        async with client(one.url) as stranger, client(two.url) as ours:
            await stranger.publish("not.ours")
            await ours.publish("it.is")
        await told.until(lambda: told.desk.history.total)
        assert [event.type for event in told.desk.history.ring.newest_after(0, 10).items] == ["it.is"]


async def test_an_external_broker_that_is_away_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot connect")
    monkeypatch.setattr(broker_address, "TAP_WITHIN_S", 0.05)
    url = "amqp://guest:guest@127.0.0.1:9/"
    async with addressed(tmp_path, url) as told:
        assert told.address.url == url
        assert told.address.told is None
        async with asyncio.timeout(10):
            await told.address.settled.wait()
        assert told.address.told == url
