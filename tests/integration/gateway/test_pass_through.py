"""What is passed through as it comes: other protocols after an upgrade, and server-sent events."""

import asyncio
import time

import pytest
from aiohttp import ClientSession, web

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.limits import LimitSettings
from tests.helpers.raw_client import RawClient, request
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.gateway.conftest import BOTH_PATHS, Running, Start, bearer, settings

PIECE = bytes(range(256)) * 256
MB = 1 << 20


def upgrade(protocol: str = "websocket", **headers: str) -> bytes:
    fields = {"Connection": "keep-alive, Upgrade", "Upgrade": protocol, "Sec_WebSocket_Key": "a2V5"}
    return request("GET", "/api/users/live?x=1", **fields, **headers)


async def switch(client: Client) -> None:
    await client.read_head()
    await client.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: YWNjZXB0\r\n\r\n"
    )


async def echoes_raw(client: Client) -> None:
    await switch(client)
    while piece := await client.reader.read(65536):
        await client.send(piece)


async def tunnel(gateway: Running) -> RawClient:
    """A connection that has switched protocols."""
    client = await gateway.connect()
    await client.send(upgrade(**bearer()))
    assert (await client.read_head()).status == 101
    return client


def in_flight(gateway: Running) -> int | None:
    beat = gateway.beat()
    return beat.calls["user-1"].in_flight if beat is not None and beat.calls else None


async def test_a_websocket_is_authenticated_and_then_passed_both_ways(start: Start) -> None:
    upstream = RawUpstream(echoes_raw)
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    await client.send(upgrade(**bearer()))
    head = await client.read_head()
    assert head.status == 101
    assert (head.headers["connection"], head.headers["upgrade"]) == ("Upgrade", "websocket")
    assert head.headers["sec-websocket-accept"] == "YWNjZXB0"
    assert head.headers["x-service-instance"] == "user-1"
    assert not {"content-length", "transfer-encoding"} & set(head.headers)
    (asked,) = upstream.requests
    assert asked.line == "GET /users/live?x=1 HTTP/1.1"
    assert (asked.headers["connection"], asked.headers["upgrade"]) == ("Upgrade", "websocket")
    assert (asked.headers["sec-websocket-key"], asked.headers["x-user-id"]) == ("a2V5", "u1")
    for message in (b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", PIECE):
        await client.send(message)
        assert await client.reader.readexactly(len(message)) == message
    assert in_flight(gateway) == 1
    client.writer.close()
    await eventually(lambda: upstream.open == 0)
    beat = gateway.beat()
    assert beat is not None
    assert beat.calls["user-1"].in_flight == 0
    (record,) = beat.requests
    assert record.status == 101
    assert record.note.startswith("open for ")


async def test_a_websocket_of_a_real_library_at_either_end(start: Start) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{request.headers['X-User-ID']}: {message.data}")
        return socket

    runner = web.ServerRunner(web.Server(serve))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway = await start()
    gateway.rotate({"user": [RawUpstream(port=runner.addresses[0][1])]})
    async with (
        ClientSession(headers=bearer()) as session,
        session.ws_connect(f"http://127.0.0.1:{gateway.port}/api/users/live", compress=15) as socket,
    ):
        for text in ("hello", "x" * 200_000, "goodbye"):
            await socket.send_str(text)
            assert await socket.receive_str(timeout=5) == f"u1: {text}"
        await socket.close()
        assert socket.close_code == 1000
    await runner.cleanup()


async def test_an_instance_that_ends_ends_the_tunnel(start: Start) -> None:
    async def says_goodbye(client: Client) -> None:
        await switch(client)
        await client.send(b"goodbye")

    gateway = await start(user=[RawUpstream(says_goodbye)])
    client = await tunnel(gateway)
    assert await client.reader.read() == b"goodbye"


async def test_bytes_right_behind_either_head_are_passed_on(start: Start) -> None:
    async def hurries(client: Client) -> None:
        await client.read_head()
        await client.send(
            b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\nfirst"
        )
        await client.send(await client.reader.readexactly(5))

    gateway = await start(user=[RawUpstream(hurries)])
    client = await gateway.connect()
    await client.send(upgrade(**bearer()) + b"early")
    assert (await client.read_head()).status == 101
    assert await client.reader.read() == b"firstearly"


async def test_a_refusal_is_an_ordinary_answer_and_the_connection_goes_on(start: Start) -> None:
    async def refuses(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(b"no", status=426, headers="Upgrade: other\r\n")

    upstream = RawUpstream(refuses)
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    for _ in range(2):
        await client.send(upgrade(**bearer()))
        response = await client.read()
        assert (response.status, response.body) == (426, b"no")
        assert "upgrade" not in response.headers
    assert (await client.ask("GET", "/api/users", **bearer())).status == 426
    assert upstream.connections == 1


async def test_an_upgrade_passes_authentication_and_limits_like_any_request(start: Start) -> None:
    upstream = RawUpstream(echoes_raw)
    gateway = await start(user=[upstream], settings=settings(limits=LimitSettings(limit=1)))
    client = await gateway.connect()
    await client.send(upgrade())
    assert (await client.read()).status == 401
    await client.send(upgrade(**bearer()))
    assert (await client.read()).status == 429
    assert upstream.connections == 0


@pytest.mark.parametrize("protocol", ["h2c", "HTTP/2.0", "TLS/1.0", "websocket, h2c", "a b"])
async def test_nobody_gets_past_the_gateway_in_http_of_another_version(start: Start, protocol: str) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    await client.send(upgrade(protocol, **bearer()))
    assert (await client.read()).status == 200
    assert not {"connection", "upgrade", "http2-settings"} & set(upstream.requests[0].headers)


async def test_a_switch_that_nobody_asked_for_is_an_error(start: Start) -> None:
    gateway = await start(user=[RawUpstream(echoes_raw)])
    response = await gateway.get("/api/users")
    assert (response.status, response.error) == (502, "BAD_GATEWAY")


async def test_who_does_not_read_stops_the_other_side_of_the_tunnel(start: Start, tasks: Tasks) -> None:
    sent = {"client": 0, "instance": 0}

    async def floods(client: Client) -> None:
        await switch(client)
        while True:
            await client.send(PIECE)
            sent["instance"] += len(PIECE)

    gateway = await start(user=[RawUpstream(floods)])
    client = await tunnel(gateway)

    async def flood() -> None:
        while True:
            await client.send(PIECE)
            sent["client"] += len(PIECE)

    tasks.spawn(flood(), "flood")
    await eventually(lambda: all(sent.values()))
    before = dict.fromkeys(sent, -1)
    while before != sent:
        before = dict(sent)
        await asyncio.sleep(0.2)
    assert max(sent.values()) < 100 * MB  # what all the sockets on the way hold
    assert len(await client.reader.readexactly(30 * MB)) == 30 * MB


async def test_tunnels_end_when_the_gateway_stops(start: Start) -> None:
    upstream = RawUpstream(echoes_raw)
    gateway = await start(user=[upstream])
    client = await tunnel(gateway)
    began = time.monotonic()
    await gateway.stop()
    assert await client.is_closed()
    assert time.monotonic() - began < 1.0
    await eventually(lambda: upstream.open == 0)


@BOTH_PATHS
async def test_each_event_is_passed_on_when_it_comes(start: Start) -> None:
    go_on = asyncio.Event()

    async def tells(client: Client) -> None:
        await client.read()
        await client.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(5):
            await client.send(b"9\r\ndata: %d\n\n\r\n" % number)
            await go_on.wait()
            go_on.clear()
        await client.send(b"0\r\nX-Trailer: 1\r\n\r\n")

    gateway = await start(user=[RawUpstream(tells)])
    client = await gateway.connect()
    await client.send(request("GET", "/api/users", Accept_Encoding="gzip", **bearer()))
    response = await client.read_head()
    assert response.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in response.headers
    events = client.read_body(response)
    for number in range(5):
        assert await anext(events) == b"data: %d\n\n" % number
        go_on.set()
    assert [event async for event in events] == []
