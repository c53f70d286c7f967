"""Heads, pipelines and connections over real sockets, on both paths."""

import asyncio
import socket

import pytest

from embedded_services.common.platform import raise_file_limit
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import CallPolicy, GatewaySettings
from tests.helpers.raw_client import request
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.gateway.conftest import BOTH_PATHS, Start, bearer, settings

pytestmark = BOTH_PATHS


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
    assert "4096 bytes together, in 128 fields at most" in response.json["error"]["message"]


async def test_a_large_head_within_the_limit_passes(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    response = await gateway.get("/api/users", X="x" * 25_000)
    assert response.status == 200
    assert len(upstream.requests[0].headers["x"]) == 25_000


async def test_requests_that_come_in_one_piece_are_answered_in_order(start: Start) -> None:
    gateway = await start(user=[RawUpstream(says_what_was_asked)])
    client = await gateway.connect()
    wire = b"".join(request("GET", f"/api/users/{number}", **bearer()) for number in range(100))
    await client.send(wire)
    assert [(await client.read()).body for _ in range(100)] == [
        b"/users/%d" % number for number in range(100)
    ]


async def test_what_takes_more_than_the_fast_path_is_served_in_its_turn(start: Start) -> None:
    gateway = await start(user=[RawUpstream(says_what_was_asked)])
    client = await gateway.connect()
    headers = bearer()
    chunked = request("GET", "/api/users/chunked", Transfer_Encoding="chunked", **headers).replace(
        b"GET", b"POST"
    )
    plain = [request("GET", f"/api/users/{number}", **headers) for number in range(4)]
    await client.send(plain[0] + plain[1] + chunked + b"2\r\nab\r\n0\r\n\r\n" + plain[2])
    wanted = [b"/users/0", b"/users/1", b"/users/chunked", b"/users/2"]
    assert [(await client.read()).body for _ in wanted] == wanted
    await client.send(plain[3])
    assert (await client.read()).body == b"/users/3"


async def test_a_client_that_sends_ahead_without_reading_is_made_to_wait(start: Start, tasks: Tasks) -> None:
    async def is_large(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(bytes(20_000))

    upstream = RawUpstream(is_large)
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a client's transport can
    wire, count = request("GET", "/api/users/1", X="x" * 20_000, **bearer()), 800

    async def send_ahead() -> None:
        for _ in range(count):
            await client.send(wire)

    sending = tasks.start(send_ahead(), "send ahead")
    await eventually(lambda: len(upstream.requests) > 0)
    before = -1
    while before != len(upstream.requests):
        before = len(upstream.requests)
        await asyncio.sleep(0.2)
    assert len(upstream.requests) < count / 2  # what the sockets hold of their answers
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
    for _ in range(count):
        assert len((await client.read()).body) == 20_000
    await sending


async def says_what_was_asked(client: Client) -> None:
    while True:
        request = await client.read()
        await client.answer(request.line.split(" ")[1].encode())


async def test_an_absolute_target_means_its_path(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    assert (await gateway.get("http://anything.test/api/users?a=1")).status == 200
    assert upstream.requests[0].line == "GET /users?a=1 HTTP/1.1"
    assert (await gateway.get("http://anything.test")).status == 404


async def test_hundreds_of_connections_are_served(start: Start) -> None:
    patient = CallPolicy(connect_timeout_s=10.0, try_timeout_s=10.0, timeout_s=20.0)
    upstreams = [RawUpstream(name="user-1"), RawUpstream(name="user-2")]
    gateway = await start(user=upstreams, settings=settings(policy=patient))
    headers = bearer()

    async def ask() -> int:
        client = await gateway.connect()
        return (await client.ask("GET", "/api/users", **headers)).status

    raise_file_limit(8192)
    assert await asyncio.gather(*(ask() for _ in range(500))) == [200] * 500
