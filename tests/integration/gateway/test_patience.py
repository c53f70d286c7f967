"""Clients who take too long, on both paths."""

import asyncio
import socket
import time

import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import GatewaySettings
from tests.helpers.raw_client import connected, request
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.gateway.conftest import BOTH_PATHS, Start, bearer, settings
from tests.integration.gateway.test_bodies import upload

pytestmark = BOTH_PATHS

PIECE = bytes(65536)


async def test_a_head_that_does_not_end_is_answered_and_the_connection_ends(start: Start) -> None:
    upstream = RawUpstream()
    hasty = settings(gateway=GatewaySettings(header_timeout_s=0.1))
    gateway = await start(user=[upstream], settings=hasty)
    client = await gateway.connect()
    assert (await client.ask("GET", "/api/users", **bearer())).status == 200
    for byte in b"GET /api/users HT":
        await client.send(bytes([byte]))
    began = time.monotonic()
    response = await client.read()
    assert time.monotonic() - began < 1.0
    assert (response.status, response.error) == (408, "REQUEST_TIMEOUT")
    assert response.headers["connection"] == "close"
    assert await client.is_closed()
    beat = gateway.beat()
    assert beat is not None
    assert [record.status for record in beat.requests] == [200, 408]


async def test_a_head_that_only_drips_is_too_slow_too(start: Start, tasks: Tasks) -> None:
    gateway = await start(
        user=[RawUpstream()], settings=settings(gateway=GatewaySettings(header_timeout_s=0.2))
    )
    client = await gateway.connect()

    async def drip() -> None:
        await client.send(b"GET /api/users HTTP/1.1\r\n")
        for number in range(1000):
            await client.send(b"X%d: y\r\n" % number)
            await asyncio.sleep(0.02)

    dripping = tasks.start(drip(), "drip")
    assert (await client.read()).status == 408
    dripping.cancel()


async def test_an_unused_connection_is_closed_without_a_word(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=settings(gateway=GatewaySettings(keep_alive_s=0.1)))
    never_used, used = await gateway.connect(), await gateway.connect()
    assert (await used.ask("GET", "/api/users", **bearer())).status == 200
    assert await never_used.is_closed()
    assert await used.is_closed()
    beat = gateway.beat()
    assert beat is not None
    assert [record.status for record in beat.requests] == [200]


async def test_a_request_that_takes_long_is_not_idle(start: Start) -> None:
    async def is_slow(client: Client) -> None:
        await client.read()
        await asyncio.sleep(0.4)
        await client.answer()

    impatient = GatewaySettings(keep_alive_s=0.05, header_timeout_s=0.05, body_idle_s=0.05, send_idle_s=0.05)
    gateway = await start(user=[RawUpstream(is_slow)], settings=settings(gateway=impatient))
    assert (await gateway.get("/api/users")).status == 200


@pytest.mark.parametrize("length", [None, 500, 500_000])
async def test_a_body_that_stops_coming_is_answered(start: Start, length: int | None) -> None:
    complete = 0

    async def script(client: Client) -> None:
        nonlocal complete
        await client.read()
        complete += 1

    upstream = RawUpstream(script)
    gateway = await start(user=[upstream], settings=settings(gateway=GatewaySettings(body_idle_s=0.1)))
    client = await gateway.connect()
    await client.send(upload(length) + (b"4\r\nhalf\r\n" if length is None else b"half"))
    response = await client.read()
    assert (response.status, response.error) == (408, "REQUEST_TIMEOUT")
    assert response.headers["connection"] == "close"
    await eventually(lambda: upstream.open == 0)
    assert complete == 0


async def test_a_small_body_that_comes_a_little_late_is_whole(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream], settings=settings(gateway=GatewaySettings(body_idle_s=0.5)))
    client = await gateway.connect()
    for _ in range(2):
        await client.send(upload(5) + b"he")
        await asyncio.sleep(0.3)
        await client.send(b"llo" + request("GET", "/api/users", **bearer()))
        assert ((await client.read()).status, (await client.read()).status) == (200, 200)
    assert [request.body for request in upstream.requests] == [b"hello", b""] * 2


async def test_a_client_that_takes_nothing_of_its_answer_is_given_up(start: Start) -> None:
    async def floods(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await client.send(b"10000\r\n" + PIECE + b"\r\n")

    upstream = RawUpstream(floods)
    gateway = await start(user=[upstream], settings=settings(gateway=GatewaySettings(send_idle_s=0.2)))
    async with connected(gateway.port) as client:
        sock = client.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a client's transport can
        await client.send(request("GET", "/api/users", **bearer()))
        await eventually(lambda: len(upstream.requests) == 1)
        await eventually(lambda: upstream.open == 0)
    await eventually(lambda: (beat := gateway.beat()) is not None and len(beat.requests) == 1)


async def test_a_client_that_reads_slowly_but_steadily_gets_everything(start: Start) -> None:
    async def is_large(client: Client) -> None:
        await client.read()
        await client.answer(PIECE * 200)

    gateway = await start(
        user=[RawUpstream(is_large)], settings=settings(gateway=GatewaySettings(send_idle_s=0.3))
    )
    client = await gateway.connect()
    await client.send(request("GET", "/api/users", **bearer()))
    response = await client.read_head()
    size = 0
    async for piece in client.read_body(response):
        size += len(piece)
        if size % 20 == 0:
            await asyncio.sleep(0.005)
    assert size == len(PIECE) * 200
