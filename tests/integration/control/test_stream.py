"""`GET /v1/stream` on a real socket: what a client asks for, and what it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType, web

from embedded_services.common.clock import SystemClock
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.stream import Delta, Events, Frame, Snapshot, StreamError, decode_frame
from embedded_services.control.api.server import ControlServer
from embedded_services.control.api.stream import MAX_REQUEST, serve_stream
from embedded_services.control.hub import Hub
from tests.helpers.clock import settle
from tests.helpers.raw_upstream import eventually

TOKEN = "a-token"


class Row(msgspec.Struct, frozen=True):
    value: int
    text: str = ""


class Hurried(SystemClock):
    """Takes no breath between two frames."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class ControlSide:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.journal: Ring[int] = Ring(100)
        self.hub = Hub({"instances": lambda: self.rows}, {"journal": self.journal}, Hurried())
        self.server = ControlServer(TOKEN)

    def set(self, value: int, text: str = "") -> None:
        self.rows = {"a": Row(value, text)}
        self.hub.changed("instances")


class Client:
    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.session = session
        self.socket = socket

    async def ask(self, *topics: str) -> None:
        await self.socket.send_json({"subscribe": topics})

    async def heard(self) -> Frame:
        frame = await self.socket.receive()
        assert frame.type is WSMsgType.TEXT, frame
        told: Frame = decode_frame(frame.data)
        return told


async def no_agents(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


@pytest.fixture
async def control() -> AsyncIterator[ControlSide]:
    side = ControlSide()

    async def stream(request: web.Request) -> web.StreamResponse:
        return await serve_stream(request, side.hub)

    async with side.server.serving([], stream=stream, agent=no_agents), Tasks("test") as tasks:
        tasks.spawn(side.hub.run(), "hub")
        yield side


@asynccontextmanager
async def client_of(control: ControlSide, **options: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{control.server.url}/v1/stream", headers=headers, **options) as socket,
    ):
        yield Client(session, socket)


async def test_client_gets_a_snapshot_and_then_what_changes(control: ControlSide) -> None:
    control.set(1)
    async with client_of(control) as client:
        await client.ask("instances", "journal")
        assert await client.heard() == Snapshot(rev=1, state={"instances": {"a": {"value": 1, "text": ""}}})
        control.set(2)
        assert await client.heard() == Delta(rev=2, set={"instances": {"a": {"value": 2, "text": ""}}})
        control.journal.append(7)
        control.hub.changed("journal")
        assert await client.heard() == Events(topic="journal", from_seq=1, to_seq=1, items=[7], skipped=0)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("nonsense", "not valid JSON"),
        ("{}", "subscribe is required"),
        ('{"subscribe": "instances"}', "subscribe must be a list"),
        ('{"subscribe": [7]}', "must be a text"),
        ('{"subscribe": [], "more": 1}', "more is not a known field"),
        ('{"subscribe": ["weather"]}', "unknown topics: weather; there are: instances, journal"),
        ("[" * 50_000, ""),
    ],
)
async def test_what_is_not_understood_is_answered_and_the_stream_goes_on(
    control: ControlSide, sent: str, said: str
) -> None:
    async with client_of(control) as client:
        await client.ask("instances")
        assert isinstance(await client.heard(), Snapshot)
        await client.socket.send_str(sent)
        error = await client.heard()
        assert isinstance(error, StreamError)
        assert error.code == "VALIDATION_FAILED"
        assert said in error.message
        control.set(3)
        assert isinstance(await client.heard(), Delta)


async def test_question_that_is_too_long_ends_the_stream(control: ControlSide) -> None:
    async with client_of(control) as client:
        await client.socket.send_str('{"subscribe": ["' + "x" * MAX_REQUEST + '"]}')
        assert (await client.socket.receive()).type is WSMsgType.CLOSE
        assert client.socket.close_code == 1009


async def test_client_that_reads_slowly_is_not_waited_for_and_gets_the_newest_state(
    control: ControlSide,
) -> None:
    """Hundreds of states of 64 KiB do not fit into the sockets: most are never told. (A client of aiohttp that does
    not ask for frames stops reading.)"""
    async with client_of(control, max_msg_size=0) as client:
        await client.ask("instances")
        assert isinstance(await client.heard(), Snapshot)
        for value in range(1, 401):
            control.set(value, "x" * 65536)
            await settle()
        told: list[Delta] = []
        while not told or told[-1].set["instances"]["a"]["value"] < 400:
            frame = await client.heard()
            assert isinstance(frame, Delta)
            told.append(frame)
        assert [delta.rev for delta in told] == list(range(2, 2 + len(told)))
        assert 2 <= len(told) < 350


async def test_clients_do_not_hear_of_each_other(control: ControlSide) -> None:
    async with client_of(control) as one, client_of(control) as two:
        await one.ask("instances")
        await two.ask("journal")
        assert await one.heard() == Snapshot(rev=1, state={"instances": {}})
        assert await two.heard() == Snapshot(rev=1, state={})
        control.journal.append(1)
        control.hub.changed("journal")
        assert isinstance(await two.heard(), Events)
        control.set(1)
        assert isinstance(await one.heard(), Delta)


async def test_client_that_leaves_is_forgotten(control: ControlSide) -> None:
    async with client_of(control) as client:
        await client.ask("instances")
        await client.heard()
        assert control.hub.is_followed("instances")
        await client.session.close()  # without a closing frame
        await eventually(lambda: not control.hub.is_followed("instances"))


async def test_plain_request_is_told_what_is_missing(control: ControlSide) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        answer = await session.get(f"{control.server.url}/v1/stream")
        error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (400, "VALIDATION_FAILED")
    assert "WebSocket" in error["message"]
