"""The bus and a broker that is killed, frozen or cut off: all that was committed is told, in order, and takes effect once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import msgspec
import pytest

from embedded_services.bus import connection, names, relay
from embedded_services.bus.subscriber import Arrived, Handler
from embedded_services.common.tasks import Tasks
from tests.helpers.broker_node import BrokerNode
from tests.helpers.bus import End, effect, joined


@pytest.fixture
def node(broker: BrokerNode) -> Iterator[BrokerNode]:
    """Running, and it is again after the test."""
    yield broker
    if not broker.is_running:
        broker.start()


def noting(type_: str) -> Callable[[End], dict[str, Handler]]:
    return lambda end: {type_: effect(end, lambda arrived: str(arrived.event.data["n"]))}


async def keep(url: str, queue: str, type_: str) -> None:
    """A queue that keeps what is told, in the order in which it came."""
    async with await aio_pika.connect(url) as link, link.channel() as channel:
        exchange = await channel.declare_exchange(names.EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        await (await channel.declare_queue(queue, durable=True)).bind(exchange, type_)


async def kept(url: str, queue: str) -> list[int]:
    """The numbers in it, each where it came first."""
    async with await aio_pika.connect(url) as link, link.channel() as channel:
        source = await channel.get_queue(queue)
        numbers: dict[int, None] = {}
        while (message := await source.get(no_ack=True, fail=False)) is not None:
            numbers[msgspec.json.decode(message.body)["data"]["n"]] = None
        return list(numbers)


async def all_told(end: End, count: int) -> None:
    """Everything was relayed, and has had its effect."""
    async with asyncio.timeout(30):
        while True:
            end.changed.clear()
            if not await end.waiting() and len(await end.effects()) >= count:
                return
            await end.changed.wait()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, allow_log: Callable[[str], None]) -> None:
    monkeypatch.setattr(relay, "CONFIRM_S", 0.5)
    monkeypatch.setattr(connection, "CONNECT_S", 1.0)
    allow_log("^the broker: ")


async def writing(end: End, type_: str, numbers: Iterator[int], enough: asyncio.Event) -> int:
    """Writes without end, one transaction after the other; returns how many."""
    written = 0
    while not enough.is_set():
        await end.publish(type_, next(numbers), next(numbers))
        written += 2
        await asyncio.sleep(0.005)
    return written


@pytest.mark.usefixtures("impatient")
async def test_a_broker_that_is_killed_costs_no_event(node: BrokerNode, tmp_path: Path) -> None:
    type_, queue = "killed.thing", "killed-order"
    await keep(node.url, queue, type_)
    enough = asyncio.Event()
    async with joined(node.url, tmp_path, "killed", handlers=noting(type_)) as end, Tasks("test") as tasks:
        await end.until(end.bus.connected.is_set)
        writer = tasks.start(writing(end, type_, iter(range(1_000_000)), enough), "writer")
        await end.until(lambda: len(end.handled) > 50)
        node.kill()
        await end.until(lambda: not end.bus.connected.is_set())
        told = end.relay.relayed
        assert await end.waiting() > 0
        node.start()  # not in a thread: it would end with it
        await end.until(lambda: end.relay.relayed > told + 50)
        enough.set()
        written = await writer
        await all_told(end, written)
        assert sorted(map(int, await end.effects())) == list(range(written))
        assert await kept(node.url, queue) == list(range(written))


@pytest.mark.usefixtures("impatient")
async def test_a_frozen_broker_is_noticed_and_told_all_when_it_thaws(
    node: BrokerNode, tmp_path: Path
) -> None:
    type_, queue = "frozen.thing", "frozen-order"
    await keep(node.url, queue, type_)
    async with joined(node.url, tmp_path, "frozen", handlers=noting(type_)) as end:
        await end.publish(type_, *range(10))
        await end.until(lambda: end.relay.relayed == 10)
        node.freeze()
        try:
            await end.publish(type_, *range(10, 20))
            await end.until(lambda: not end.bus.connected.is_set())
            assert end.bus.problem == "a publish was not confirmed: no answer within 0.5 s"
            await end.publish(type_, *range(20, 30))
            assert await end.waiting() == 20
        finally:
            node.thaw()
        await all_told(end, 30)
        assert sorted(map(int, await end.effects())) == list(range(30))
        assert await kept(node.url, queue) == list(range(30))


class Cable:
    """Between a service and its broker. Cut, it takes what is sent, and passes nothing on."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = asyncio.Event()
        self._whole.set()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[str]:
        """Yields the URL of its near end."""
        async with Tasks("cable") as tasks:

            async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
                tasks.spawn(self._pass(reader, far_writer), "there")
                tasks.spawn(self._pass(far_reader, writer), "back")

            server = await asyncio.start_server(connect, "127.0.0.1", 0)
            try:
                yield f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            finally:
                server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self._whole.is_set():
                    continue
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_broker_that_is_cut_off_is_found_again(node: BrokerNode, tmp_path: Path) -> None:
    type_, queue = "cut.thing", "cut-order"
    await keep(node.url, queue, type_)
    cable = Cable(node.port)
    async with cable.laid() as url, joined(url, tmp_path, "cut", handlers=noting(type_)) as end:
        await end.publish(type_, *range(10))
        await end.until(lambda: len(end.handled) == 10)
        cable.cut()
        await end.publish(type_, *range(10, 20))
        await end.until(lambda: not end.bus.connected.is_set())
        cable.mend()
        await all_told(end, 20)
        assert await kept(node.url, queue) == list(range(20))


async def test_a_broker_short_of_memory_is_waited_for(
    node: BrokerNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allow_log: Callable[[str], None]
) -> None:
    monkeypatch.setattr(relay, "CONFIRM_S", 0.5)
    allow_log("short of memory")
    type_ = "short.thing"
    async with joined(node.url, tmp_path, "short", handlers=noting(type_)) as end:
        await end.publish(type_, 1)
        await end.until(lambda: end.handled)
        await asyncio.to_thread(node.hold_publishers)
        try:
            await end.publish(type_, 2)
            await end.until(lambda: "short of memory" in end.bus.problem)
            await end.until_waiting(1)
        finally:
            await asyncio.to_thread(node.release_publishers)
        await all_told(end, 2)
        assert end.bus.connected.is_set()
        assert end.bus.problem == ""


@pytest.mark.usefixtures("impatient")
async def test_an_effect_whose_acknowledgement_is_lost_is_not_repeated(
    node: BrokerNode, tmp_path: Path
) -> None:
    type_ = "unsettled.thing"
    done, go_on = asyncio.Event(), asyncio.Event()

    def handlers(end: End) -> dict[str, Handler]:
        write = effect(end, lambda arrived: str(arrived.event.data["n"]))

        async def handle(arrived: Arrived) -> bool:
            new = await write(arrived)
            done.set()
            await go_on.wait()
            return new

        return {type_: handle}

    async with joined(node.url, tmp_path, "unsettled", handlers=handlers) as end:
        await end.publish(type_, 1)
        await done.wait()
        end.bus.give_up("the test cuts it")
        await end.until(lambda: not end.bus.connected.is_set())
        go_on.set()
        await end.until(lambda: len(end.handled) == 2)
        assert sorted(end.outcomes()) == ["done", "duplicate"]
        assert await end.effects() == ["1"]


async def test_the_next_incarnation_tells_what_its_forerunner_left(
    node: BrokerNode, tmp_path: Path, allow_log: Callable[[str], None]
) -> None:
    allow_log("cannot connect")
    type_, queue = "left.thing", "left-order"
    await keep(node.url, queue, type_)
    async with joined("amqp://127.0.0.1:1/", tmp_path, "left") as forerunner:
        await forerunner.publish(type_, *range(450))
    async with joined(node.url, tmp_path, "left") as end:
        await end.until(lambda: end.relay.relayed == 450)
    assert await kept(node.url, queue) == list(range(450))
