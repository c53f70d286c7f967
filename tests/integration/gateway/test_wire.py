"""Bytes that are not quite HTTP, over real sockets, and the life of the listening process."""

import asyncio
import errno
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_services.common.platform import listening_socket, raise_file_limit
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import GatewaySettings
from embedded_services.gateway import process
from tests.helpers.child import child_context
from tests.helpers.raw_client import connected, request
from tests.helpers.raw_upstream import Client, RawUpstream, eventually, rotation
from tests.integration.gateway.conftest import Link, Start, bearer, settings, token

AUTH = b"Host: x\r\nAuthorization: Bearer " + token().encode() + b"\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        b"garbage\r\n\r\n",
        b"GE\xffT / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/users?\xc3\x28 HTTP/1.1\r\nConnection: close\r\n" + AUTH + b"\r\n",
        b"GET /api/users HTTP/1.1\r\nHost: x\r\nX\xff: y\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: x\n\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /api/users HTTP/1.1\r\n"
        + AUTH
        + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Content-Length: -1\r\n\r\n",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Content-Length: +3\r\n\r\nabc",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Transfer-Encoding: gzip\r\n\r\nabc",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST /api/users HTTP/1.1\r\n" + AUTH + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ],
)
async def test_malformed_http_is_refused_in_the_envelope_and_the_connection_ends(
    start: Start, wire: bytes
) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    await client.send(wire)
    response = await client.read()
    assert response.status == 400
    assert response.error == "VALIDATION_FAILED"
    assert response.json["error"]["requestId"] == response.headers["x-request-id"]
    assert response.headers["connection"] == "close"
    assert await client.is_closed()
    assert not any(request.body for request in upstream.requests)
    beat = gateway.beat()
    assert beat is not None
    assert [record.status for record in beat.requests] == [400]


async def test_nothing_that_follows_malformed_http_is_taken_for_a_request(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    smuggled = b"GET /api/users/smuggled HTTP/1.1\r\n" + AUTH + b"\r\n"
    await client.send(
        b"POST /api/users HTTP/1.1\r\n"
        + AUTH
        + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + smuggled
    )
    assert (await client.read()).status == 400
    assert await client.is_closed()
    assert upstream.requests == []


@pytest.mark.parametrize(
    "wire",
    [
        request("GET", "/api/users", X="x" * 5000, **bearer()),
        request("GET", "/api/users?" + "x" * 5000, **bearer()),
        request("GET", "/api/users", **{"X" * 5000: "1"}, **bearer()),
        request("GET", "/api/users", **{f"X{number}": "x" * 400 for number in range(12)}, **bearer()),
        request("GET", "/api/users", **{f"X{number}": "x" for number in range(200)}, **bearer()),
        b"GET /" + b"x" * 100_000,
    ],
)
async def test_heads_that_are_too_large_are_refused(start: Start, wire: bytes) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(gateway=GatewaySettings(header_limit=4096)))
    client = await gateway.connect()
    await client.send(wire)
    response = await client.read()
    assert (response.status, response.error) == (431, "HEADERS_TOO_LARGE")
    assert "4096 bytes" in response.json["error"]["message"]


async def test_a_large_head_within_the_limit_passes(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    response = await gateway.get("/api/users", X="x" * 25_000)
    assert response.status == 200
    assert len(upstream.requests[0].headers["x"]) == 25_000


async def test_requests_that_come_in_one_piece_are_answered_in_order(start: Start) -> None:
    async def says_what_was_asked(client: Client) -> None:
        while True:
            request = await client.read()
            await client.answer(request.line.split(" ")[1].encode())

    gateway = await start(user=[RawUpstream(says_what_was_asked)])
    client = await gateway.connect()
    wire = b"".join(request("GET", f"/api/users/{number}", **bearer()) for number in range(100))
    await client.send(wire)
    assert [(await client.read()).body for _ in range(100)] == [
        b"/users/%d" % number for number in range(100)
    ]


async def test_an_absolute_target_means_its_path(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    assert (await gateway.get("http://anything.test/api/users?a=1")).status == 200
    assert upstream.requests[0].line == "GET /users?a=1 HTTP/1.1"
    assert (await gateway.get("http://anything.test")).status == 404


async def test_an_upgrade_that_nobody_offered_is_an_ordinary_request(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    response = await gateway.get("/api/users", Connection="Upgrade", Upgrade="websocket")
    assert response.status == 200
    assert "upgrade" not in upstream.requests[0].headers


async def test_hundreds_of_connections_are_served(start: Start) -> None:
    gateway = await start(user=[RawUpstream(name="user-1"), RawUpstream(name="user-2")])
    headers = bearer()

    async def ask() -> int:
        client = await gateway.connect()
        return (await client.ask("GET", "/api/users", **headers)).status

    raise_file_limit(8192)
    assert await asyncio.gather(*(ask() for _ in range(500))) == [200] * 500


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        taken.listen()
        context = child_context(tmp_path, "gateway", port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use") as raised:
            async with process.serve(context):
                pass
    assert raised.value.errno == errno.EADDRINUSE


async def test_stopping_finishes_what_is_under_way_and_closes_the_rest(tmp_path: Path, tasks: Tasks) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def waits(client: Client) -> None:
        await client.read()
        asked.set()
        await go_on.wait()
        await client.answer(b"finished")

    upstream = RawUpstream(waits)
    await upstream.start()
    context = child_context(tmp_path, "gateway", settings=settings())
    link = Link(context)
    serving = process.serve(replace(context, link=link))
    port = await serving.__aenter__()
    for tell in link.peers:
        tell(rotation(upstream))
    async with connected(port) as idle, connected(port) as busy:
        await busy.send(request("GET", "/api/users", **bearer()))
        await asked.wait()
        stopping = tasks.start(serving.__aexit__(None, None, None), "stop")
        assert await idle.is_closed()
        go_on.set()
        assert (await busy.read()).body == b"finished"
        await stopping
    with pytest.raises(ConnectionRefusedError):
        async with connected(port):
            pass
    await eventually(lambda: upstream.open == 0)
    await upstream.kill()


async def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    async def never_answers(client: Client) -> None:
        await client.read()
        await client.reader.read()

    upstream = RawUpstream(never_answers)
    await upstream.start()
    context = child_context(tmp_path, "gateway", settings=settings())
    link = Link(context)
    loop = asyncio.get_running_loop()
    async with process.serve(replace(context, link=link)) as port, connected(port) as client:
        for tell in link.peers:
            tell(rotation(upstream))
        await client.send(request("GET", "/api/users", **bearer()))
        await eventually(lambda: len(upstream.requests) == 1)
        stopping = loop.time()
    assert loop.time() - stopping < 1.2
    await eventually(lambda: upstream.open == 0)
    await upstream.kill()
