import asyncio
import re
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from embedded_services.client.stream_client import Connection, StreamClient, StreamOptions
from embedded_services.common.backoff import Backoff
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.stream import Delta, Events, Snapshot, StreamError
from tests.helpers.stream_server import TOKEN, Peer, StreamServer, stream_server

QUICK = StreamOptions(silence_s=0.3, answer_s=0.3, backoff=Backoff(0.01, 0.02), max_frame_bytes=4096)
PATIENT = StreamOptions(backoff=Backoff(0.01, 0.02))
TWO = Snapshot(rev=1, state={"instances": {"a-1": {"status": "healthy"}, "a-2": {"status": "healthy"}}})
NEXT = Delta(rev=2, set={"instances": {"a-1": {"status": "lost"}}}, remove={"instances": ["a-2"]})


class StillClock:
    """Sleeps for no time, and writes down for how long it should have; `enough` is set after five sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.enough = asyncio.Event()
        self.at = 1000.0

    def now(self) -> float:
        self.at += 1.0
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 5:
            self.enough.set()
        await asyncio.sleep(0)


class Told:
    """What the client tells of its connection."""

    def __init__(self) -> None:
        self.changes: list[Connection] = []
        self._more = asyncio.Event()

    def __call__(self, connection: Connection) -> None:
        self.changes.append(connection)
        self._more.set()

    async def change(self) -> Connection:
        """The next one that was not seen yet."""
        while not self.changes:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 5)
        return self.changes.pop(0)


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with stream_server() as running:
        yield running


async def accept(server: StreamServer, first: Snapshot = TWO) -> Peer:
    peer = await server.accepted()
    assert await peer.heard() == {"subscribe": ["instances"]}
    await peer.send(first)
    return peer


def client(
    server: StreamServer, options: StreamOptions = PATIENT, token: str = TOKEN, told: Told | None = None
) -> StreamClient:
    return StreamClient(server.url, token, ["instances"], options=options, on_connection=told or Told())


async def follow(stream: StreamClient) -> None:
    async for _ in stream:
        pass


async def test_snapshot_makes_the_state_and_the_connection(server: StreamServer) -> None:
    told = Told()
    async with Tasks("test") as tasks, client(server, told=told) as stream:
        assert not stream.connection.connected
        tasks.spawn(accept(server), "server")
        assert await anext(stream) == TWO
        assert stream.state.rows("instances") == {"a-1": {"status": "healthy"}, "a-2": {"status": "healthy"}}
        assert [connection.connected for connection in told.changes] == [True]


async def test_delta_is_in_the_state_before_it_is_handed_out(server: StreamServer) -> None:
    async with Tasks("test") as tasks, client(server) as stream:
        accepting = tasks.start(accept(server), "server")
        await anext(stream)
        await (await accepting).send(NEXT)
        assert await anext(stream) == NEXT
        assert stream.state.rows("instances") == {"a-1": {"status": "lost"}}


async def test_events_are_handed_out(server: StreamServer) -> None:
    events = Events(topic="journal", from_seq=1, to_seq=3, items=[{"seq": 3}], skipped=2)
    async with Tasks("test") as tasks, client(server) as stream:
        accepting = tasks.start(accept(server), "server")
        await anext(stream)
        await (await accepting).send(events)
        assert await anext(stream) == events


async def test_gap_is_closed_by_subscribing_again_on_the_same_connection(server: StreamServer) -> None:
    again = Snapshot(rev=5, state={"instances": {"a-3": {}}})

    async def play() -> None:
        peer = await accept(server)
        await peer.send(Delta(rev=3, set={"instances": {"missed": {}}}))
        await peer.send(Delta(rev=4, set={"instances": {"in flight": {}}}))
        assert await peer.heard() == {"subscribe": ["instances"]}
        await peer.send(again)

    async with Tasks("test") as tasks, client(server) as stream:
        playing = tasks.start(play(), "server")
        assert await anext(stream) == TWO
        assert await anext(stream) == again
        await playing
        assert dict(stream.state.topics) == {"instances": {"a-3": {}}}
        assert stream.connection.connected


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"{", "cannot be read"),
        (b'{"type":"snapshot","rev":"one","state":{}}', "cannot be read"),
        (b'{"type":"surprise"}', "cannot be read"),
        (b'{"type":"snapshot","rev":1,"state":{"a":' + b"[" * 2000 + b"]" * 2000 + b"}}", "cannot be read"),
        (b'"' + b"x" * 5000 + b'"', "broke|closed"),
        (msgspec.json.encode(StreamError(code="NOT_FOUND", message="no such topic")), "no such topic"),
    ],
    ids=["no-json", "wrong-type", "unknown-frame", "nested", "too-large", "refused"],
)
async def test_unusable_frame_loses_the_connection_and_a_new_one_is_made(
    server: StreamServer, sent: bytes, reason: str
) -> None:
    told = Told()

    async def play() -> None:
        peer = await accept(server)
        await peer.send(sent)
        await peer.gone.wait()
        await accept(server)

    async with Tasks("test") as tasks, client(server, QUICK, told=told) as stream:
        tasks.spawn(play(), "server")
        assert await anext(stream) == TWO
        assert await anext(stream) == TWO
    assert [connection.connected for connection in told.changes] == [True, False, True]
    assert re.search(reason, told.changes[1].reason)


async def test_closed_stream_keeps_what_was_known_and_comes_back(server: StreamServer) -> None:
    fresh = Snapshot(rev=1, state={"instances": {}})

    async def play() -> None:
        await (await accept(server)).close()
        await accept(server, fresh)

    known = []
    async with (
        Tasks("test") as tasks,
        StreamClient(
            server.url,
            TOKEN,
            ["instances"],
            options=PATIENT,
            on_connection=lambda change: known.append(
                (change.connected, set(stream.state.rows("instances")))
            ),
        ) as stream,
    ):
        tasks.spawn(play(), "server")
        await anext(stream)
        assert await anext(stream) == fresh
    assert known == [(True, {"a-1", "a-2"}), (False, {"a-1", "a-2"}), (True, set())]


async def test_frozen_control_plane_is_noticed_by_its_silence(server: StreamServer) -> None:
    server.answers_pings = False
    told = Told()
    async with Tasks("test") as tasks, client(server, QUICK, told=told) as stream:
        tasks.spawn(accept(server), "server")
        tasks.spawn(follow(stream), "follow")
        assert (await told.change()).connected
        lost = await told.change()
        assert (lost.connected, lost.reason) == (False, "the control plane fell silent")
        await tasks.close()


async def test_control_plane_that_accepts_but_never_answers_is_lost() -> None:
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        stream = StreamClient(url, TOKEN, ["instances"], options=QUICK, on_connection=told)
        async with Tasks("test") as tasks, stream:
            tasks.spawn(follow(stream), "follow")
            assert (await told.change()).reason == "the control plane does not answer"
            await tasks.close()


async def test_subscription_without_a_snapshot_is_given_up(server: StreamServer) -> None:
    told = Told()

    async def play() -> None:
        await (await server.accepted()).gone.wait()
        await accept(server)

    async with Tasks("test") as tasks, client(server, QUICK, told=told) as stream:
        tasks.spawn(play(), "server")
        assert await anext(stream) == TWO
    assert told.changes[0].reason == "the control plane sent no snapshot"


async def test_wrong_token_is_told(server: StreamServer) -> None:
    told = Told()
    async with Tasks("test") as tasks, client(server, QUICK, token="other", told=told) as stream:
        tasks.spawn(follow(stream), "follow")
        assert "status 403" in (await told.change()).reason
        await tasks.close()


async def test_nobody_there_is_tried_with_growing_pauses_and_lost_since_the_first_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
    clock = StillClock()
    options = StreamOptions(backoff=Backoff(0.1, 0.5))
    stream = StreamClient(url, TOKEN, ["x"], options=options, clock=clock, chance=lambda: 0.0)
    since = stream.connection.since
    async with Tasks("test") as tasks, stream:
        tasks.spawn(follow(stream), "follow")
        await asyncio.wait_for(clock.enough.wait(), 5)
        await tasks.close()
    assert clock.slept[:5] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert "cannot be reached" in stream.connection.reason
    assert stream.connection.since == since


async def test_iteration_ends_with_the_client(server: StreamServer) -> None:
    async with Tasks("test") as tasks, client(server) as stream:
        tasks.spawn(accept(server), "server")
        await anext(stream)
    assert [news async for news in stream] == []
