"""The control plane's end of the agent links, on real sockets, with children that behave and children that do not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType, web

from embedded_services.common.tasks import Tasks
from embedded_services.contracts import agent as wire
from embedded_services.contracts.agent import Beat, Broker, Command, Done, Down, Hello, Peers, Policies
from embedded_services.contracts.faults import Faults
from embedded_services.control.agents import MAX_COMMANDS, Agents
from embedded_services.control.api.server import ControlServer
from tests.helpers.child import demo_settings
from tests.helpers.raw_upstream import eventually

AGENT_TOKEN = "children-only"
HELLO = Hello(id="user-1", incarnation=1, pid=77, port=3001)


class Listener:
    """Stands in for the supervisor: remembers what it was told."""

    def __init__(self) -> None:
        self.accepts = True
        self.hellos: list[Hello] = []
        self.beats: list[tuple[str, int, Beat]] = []
        self.lost: list[tuple[str, int]] = []

    def linked(self, hello: Hello) -> bool:
        self.hellos.append(hello)
        return self.accepts

    def beat(self, child: str, incarnation: int, beat: Beat) -> None:
        self.beats.append((child, incarnation, beat))

    def link_lost(self, child: str, incarnation: int) -> None:
        self.lost.append((child, incarnation))


class ControlSide:
    def __init__(self) -> None:
        self.revision = 1
        self.broker: str | None = None
        self.listener = Listener()
        self.agents = Agents(AGENT_TOKEN, self._peers, self._policies, lambda: self.broker)
        self.agents.listener = self.listener
        self.server = ControlServer("people")

    def _peers(self) -> Peers:
        return Peers(revision=self.revision, services={})

    def _policies(self) -> Policies:
        return Policies(revision=self.revision, settings=demo_settings())


class Child:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, message: msgspec.Struct) -> None:
        await self.socket.send_bytes(wire.encode(message))

    async def heard(self) -> Down:
        frame = await self.socket.receive()
        assert frame.type is WSMsgType.BINARY, frame
        heard: Down = wire.decode_down(frame.data)
        return heard


async def no_stream(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


@pytest.fixture
async def control() -> AsyncIterator[ControlSide]:
    side = ControlSide()
    async with side.server.serving([], stream=no_stream, agent=side.agents.serve):
        yield side


Connect = Callable[..., "asyncio.Future[Child]"]


@asynccontextmanager
async def connected(control: ControlSide, token: str = AGENT_TOKEN) -> AsyncIterator[Child]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"{control.server.url}/v1/agent"
        headers = {"Authorization": f"Bearer {token}"}
        socket = await stack.enter_async_context(session.ws_connect(url, headers=headers, compress=0))
        yield Child(socket)


@asynccontextmanager
async def linked(control: ControlSide, hello: Hello = HELLO) -> AsyncIterator[Child]:
    """A child that said hello and read its first snapshots."""
    async with connected(control) as child:
        await child.say(hello)
        assert isinstance(await child.heard(), Peers)
        assert isinstance(await child.heard(), Policies)
        assert isinstance(await child.heard(), Faults)
        assert isinstance(await child.heard(), Broker)
        yield child


async def test_child_that_says_hello_is_told_what_it_needs(control: ControlSide) -> None:
    async with connected(control) as child:
        assert not control.agents.is_linked("user-1")
        await child.say(HELLO)
        assert await child.heard() == Peers(revision=1, services={})
        assert await child.heard() == Policies(revision=1, settings=demo_settings())
        assert await child.heard() == Faults(revision=0)
        assert await child.heard() == Broker(url=None)
        assert control.agents.is_linked("user-1")
        assert control.listener.hellos == [HELLO]


async def test_news_reaches_every_child(control: ControlSide) -> None:
    other = Hello(id="user-2", incarnation=1, pid=78, port=3011)
    async with linked(control) as one, linked(control, other) as two:
        control.revision = 2
        control.agents.push_peers()
        assert control.agents.told_revision == 2
        for child in (one, two):
            assert await child.heard() == Peers(revision=2, services={})
        control.agents.push_policies()
        for child in (one, two):
            assert await child.heard() == Policies(revision=2, settings=demo_settings())
        control.broker = "amqp://127.0.0.1:5673/"
        control.agents.push_broker()
        for child in (one, two):
            assert await child.heard() == Broker(url="amqp://127.0.0.1:5673/")


async def test_of_many_snapshots_the_newest_of_each_kind_waits(control: ControlSide) -> None:
    async with linked(control) as child:
        for revision in range(2, 100):
            control.revision = revision
            control.agents.push_peers()
            control.agents.push_policies()
        assert await child.heard() == Peers(revision=99, services={})
        assert await child.heard() == Policies(revision=99, settings=demo_settings())


async def test_child_that_does_not_read_holds_nobody_up_and_has_the_newest_waiting(
    control: ControlSide,
) -> None:
    """As a frozen one: far more is pushed than sockets buffer."""
    async with linked(control) as child:
        for revision in range(2, 3000):
            control.revision = revision
            control.agents.push_policies()
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        revisions: list[int] = []
        while not revisions or revisions[-1] < 2999:
            policies = await child.heard()
            assert isinstance(policies, Policies)
            revisions.append(policies.revision)
        assert revisions == sorted(set(revisions))


async def test_beats_are_passed_on_with_whose_they_are(control: ControlSide) -> None:
    async with linked(control) as child:
        await child.say(Beat(requests_seq=7))
        await eventually(lambda: bool(control.listener.beats))
    assert control.listener.beats == [("user-1", 1, Beat(requests_seq=7))]


async def test_command_is_answered_by_its_number(control: ControlSide) -> None:
    async with linked(control) as child, Tasks("test") as tasks:
        first = tasks.start(control.agents.command("user-1", "hold-writes", 5.0), "first")
        second = tasks.start(control.agents.command("user-1", "release-writes", 5.0), "second")
        commands = [await child.heard(), await child.heard()]
        assert [c.name for c in commands if isinstance(c, Command)] == ["hold-writes", "release-writes"]
        for command in reversed(commands):
            assert isinstance(command, Command)
            await child.say(Done(command=command.id, ok=True, message=command.name))
        assert (await first).message == "hold-writes"
        assert (await second).message == "release-writes"


async def test_command_that_is_not_answered_times_out_and_its_late_answer_is_ignored(
    control: ControlSide,
) -> None:
    async with linked(control) as child:
        with pytest.raises(TimeoutError):
            await control.agents.command("user-1", "hold-writes", 0.02)
        command = await child.heard()
        assert isinstance(command, Command)
        await child.say(Done(command=command.id, ok=True))
        await child.say(Beat())
        await eventually(lambda: bool(control.listener.beats))


async def test_child_that_is_not_linked_takes_no_commands(control: ControlSide) -> None:
    with pytest.raises(LookupError):
        await control.agents.command("user-1", "hold-writes", 5.0)


async def test_commands_that_wait_for_a_child_are_bounded(control: ControlSide) -> None:
    async with linked(control), Tasks("test") as tasks:
        waiting = [
            tasks.start(control.agents.command("user-1", "hold-writes", 5.0), "waiting")
            for _ in range(MAX_COMMANDS + 1)
        ]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert isinstance(done.pop().exception(), TimeoutError)


async def test_end_of_a_link_is_told_with_whose_it_was(control: ControlSide) -> None:
    async with linked(control):
        pass
    await eventually(lambda: bool(control.listener.lost))
    assert control.listener.lost == [("user-1", 1)]
    assert not control.agents.is_linked("user-1")


async def test_link_that_was_replaced_ends_unnoticed(control: ControlSide) -> None:
    async with linked(control, Hello(id="user-1", incarnation=2, pid=78, port=3001)) as new:
        async with linked(control):
            pass
        await eventually(lambda: bool(control.listener.lost))
        control.listener.lost.clear()
        async with linked(control) as newest:
            async with linked(control) as old:
                await old.socket.close()
            await new.socket.close()
            await eventually(lambda: bool(control.listener.lost))
            await newest.say(Beat())
            await eventually(lambda: bool(control.listener.beats))


async def test_child_that_nobody_waits_for_is_turned_away(control: ControlSide) -> None:
    control.listener.accepts = False
    async with connected(control) as child:
        await child.say(HELLO)
        assert (await child.socket.receive()).type is WSMsgType.CLOSE
        assert child.socket.close_code == 1008
    assert not control.agents.is_linked("user-1")
    assert control.listener.lost == []


@pytest.mark.parametrize(
    "first", [b"nonsense", b"\xff", b'{"type":"beat"}', b'{"type":"hello"}', b"[" * 50_000]
)
async def test_link_that_does_not_begin_with_a_hello_is_closed(
    control: ControlSide, first: bytes, allow_log: Callable[[str], None]
) -> None:
    allow_log("an agent link began without a hello")
    async with connected(control) as child:
        await child.socket.send_bytes(first)
        assert (await child.socket.receive()).type is WSMsgType.CLOSE
    assert control.listener.hellos == []


@pytest.mark.parametrize("sent", [b"nonsense", b'{"type":"beat","calls":7}', b"\xff", b"[" * 50_000])
async def test_what_cannot_be_read_is_passed_over(
    control: ControlSide, sent: bytes, expect_log: Callable[[str], None]
) -> None:
    expect_log("user-1 sent what we cannot read")
    async with linked(control) as child:
        await child.socket.send_bytes(sent)
        await child.say(Beat())
        await eventually(lambda: bool(control.listener.beats))


async def test_second_hello_is_passed_over(control: ControlSide, expect_log: Callable[[str], None]) -> None:
    expect_log("user-1 said hello twice")
    async with linked(control) as child:
        await child.say(HELLO)
        await child.say(Beat())
        await eventually(lambda: bool(control.listener.beats))
    assert len(control.listener.hellos) == 1


@pytest.mark.parametrize("token", ["people", "", "wrong", "\xe9"])
async def test_only_children_may_link(control: ControlSide, token: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(control, token):
            pytest.fail("linked")
    assert refused.value.status in (401, 403)
