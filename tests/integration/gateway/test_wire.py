"""Heads, pipelines and connections over real sockets, on both paths."""

import asyncio

import pytest

from embedded_services.common.platform import raise_file_limit
from embedded_services.contracts.settings import GatewaySettings
from tests.helpers.raw_client import request
from tests.helpers.raw_upstream import Client, RawUpstream
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


async def test_hundreds_of_connections_are_served(start: Start) -> None:
    gateway = await start(user=[RawUpstream(name="user-1"), RawUpstream(name="user-2")])
    headers = bearer()

    async def ask() -> int:
        client = await gateway.connect()
        return (await client.ask("GET", "/api/users", **headers)).status

    raise_file_limit(8192)
    assert await asyncio.gather(*(ask() for _ in range(500))) == [200] * 500
