"""A child's end of the agent link, against a control plane that the test plays on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from embedded_services.agent.link import AgentLink
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts import agent as wire
from embedded_services.contracts.agent import Beat, Broker, Command, Done, Hello, Peers, Policies, Up
from tests.helpers.child import child_context, demo_settings


class Control:
    """Takes links one after another; hands out what they say."""

    def __init__(self) -> None:
        self.links: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.said: asyncio.Queue[Up] = asyncio.Queue()
        self.tokens: list[str] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        self.tokens.append(request.headers["Authorization"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.links.put_nowait(socket)
        async for frame in socket:
            self.said.put_nowait(wire.decode_up(frame.data))
        return socket

    async def hear(self) -> Up:
        async with asyncio.timeout(5):
            return await self.said.get()

    async def link(self) -> web.WebSocketResponse:
        async with asyncio.timeout(5):
            return await self.links.get()


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    control = Control()
    app = web.Application()
    app.router.add_get("/v1/agent", control.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    control.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield control
    await runner.cleanup()


@asynccontextmanager
async def linked(
    control: Control, workspace: Path, prepare: Callable[[AgentLink], None]
) -> AsyncIterator[None]:
    spec = msgspec.structs.replace(
        child_context(workspace, "user").spec, control_url=control.url, agent_token="own"
    )
    link = AgentLink(spec, SystemClock())
    prepare(link)
    async with Tasks("test") as tasks:
        tasks.spawn(link.run(4711), "link")
        yield


async def test_a_child_says_who_it_is_and_hears_of_peers_policies_and_the_broker(
    control: Control, tmp_path: Path
) -> None:
    heard: asyncio.Queue[Peers | Policies | str | None] = asyncio.Queue()

    def prepare(link: AgentLink) -> None:
        link.on_peers(heard.put_nowait)
        link.on_policies(heard.put_nowait)
        link.on_broker(heard.put_nowait)

    async with linked(control, tmp_path, prepare):
        hello = await control.hear()
        assert isinstance(hello, Hello)
        assert (hello.id, hello.incarnation, hello.port) == ("user-1", 1, 4711)
        assert control.tokens == ["Bearer own"]
        socket = await control.link()
        told = [Peers(revision=3, services={}), Policies(revision=2, settings=demo_settings())]
        broker = "amqp://127.0.0.1:5673/"
        for message in (*told, Broker(url=broker), Broker(url=None)):
            await socket.send_bytes(wire.encode(message))
        async with asyncio.timeout(5):
            assert [await heard.get() for _ in range(4)] == [*told, broker, None]


async def test_commands_are_answered_also_unknown_and_failing_ones(
    control: Control, tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("command breaks failed")

    async def works(argument: object) -> dict[str, object]:
        return {"held": argument}

    async def breaks(_: object) -> str:
        raise ValueError("no database")

    def prepare(link: AgentLink) -> None:
        link.on_command("works", works)
        link.on_command("breaks", breaks)

    async with linked(control, tmp_path, prepare):
        await control.hear()
        socket = await control.link()
        answers = {}
        for number, name in enumerate(("works", "breaks", "unheard-of"), 1):
            await socket.send_bytes(wire.encode(Command(id=number, name=name, argument=number)))
            answer = await control.hear()
            assert isinstance(answer, Done)
            answers[answer.command] = (answer.ok, answer.message, answer.result)
        assert answers == {
            1: (True, "", {"held": 1}),
            2: (False, "no database", None),
            3: (False, "unknown command 'unheard-of'", None),
        }


async def test_a_link_that_broke_is_made_again_and_everything_is_told_anew(
    control: Control, tmp_path: Path
) -> None:
    told_again = 0

    def prepare(link: AgentLink) -> None:
        nonlocal told_again

        def again() -> None:
            nonlocal told_again
            told_again += 1

        link.on_linked(again)
        link.report(lambda: Beat(requests_seq=told_again))

    async with linked(control, tmp_path, prepare):
        assert isinstance(await control.hear(), Hello)
        await (await control.link()).close()
        async with asyncio.timeout(5):
            while not isinstance(await control.hear(), Hello):
                pass
        assert await control.hear() == Beat(requests_seq=2)


async def test_what_cannot_be_read_is_said_and_passed_over(
    control: Control, tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("what we cannot read")
    heard: asyncio.Queue[Peers] = asyncio.Queue()
    async with linked(control, tmp_path, lambda link: link.on_peers(heard.put_nowait)):
        await control.hear()
        socket = await control.link()
        await socket.send_bytes(b'{"type":"nonsense"}')
        await socket.send_bytes(wire.encode(Peers(revision=1, services={})))
        async with asyncio.timeout(5):
            assert (await heard.get()).revision == 1


async def test_who_seldom_reports_is_asked_only_when_it_has_something(
    control: Control, tmp_path: Path
) -> None:
    asked = 0
    wake: list[Callable[[], None]] = []

    def prepare(link: AgentLink) -> None:
        def report() -> Beat:
            nonlocal asked
            asked += 1
            return Beat(spans_dropped=asked)

        wake.append(link.report_when_woken(report))
        link.report(lambda: None)

    async with linked(control, tmp_path, prepare):
        assert isinstance(await control.hear(), Hello)
        await asyncio.sleep(0)
        assert asked == 0
        wake[0]()
        wake[0]()
        assert await control.hear() == Beat(spans_dropped=1)
        await (await control.link()).close()
        wake[0]()
        heard = await control.hear()
        while heard != Beat(spans_dropped=2):
            heard = await control.hear()
        assert asked == 2
