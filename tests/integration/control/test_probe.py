"""One health check against instances that answer, refuse, stall, lie about their length, or speak something else."""

import asyncio

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.registry.probe import MAX_RESPONSE, ProbeResult, probe
from tests.helpers.raw_upstream import Client, RawUpstream, Script, running

LONG_S = 5.0
SHORT_S = 0.15


def says(*pieces: bytes, then_stay: bool = False) -> Script:
    """Reads the request, sends these, and closes, unless it is to stay without another byte."""

    async def script(client: Client) -> None:
        await client.read()
        for piece in pieces:
            await client.send(piece)
            await asyncio.sleep(0)
        if then_stay:
            await client.reader.read()

    return script


def response(status: int, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def check(script: Script, timeout_s: float = LONG_S, path: str = "/health") -> ProbeResult:
    upstream = RawUpstream(script)
    async with running(upstream):
        return await probe("127.0.0.1", upstream.port, path, timeout_s, SystemClock())


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_any_2xx_is_healthy(status: int) -> None:
    body = b"" if status == 204 else b"{}"
    result = await check(says(response(status, body)))
    assert (result.ok, result.message) == (True, "ok")
    assert 0 < result.latency_ms < LONG_S * 1000


async def test_request_is_one_get_on_a_connection_of_its_own() -> None:
    upstream = RawUpstream(says(response(200)))
    async with running(upstream):
        for _ in range(2):
            await probe("127.0.0.1", upstream.port, "/health?deep=1", LONG_S, SystemClock())
    assert upstream.connections == 2
    assert [request.line for request in upstream.requests] == ["GET /health?deep=1 HTTP/1.1"] * 2
    assert upstream.requests[0].headers == {"host": f"127.0.0.1:{upstream.port}", "connection": "close"}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, b'{"reason": "the database is locked"}', "answered 503: the database is locked"),
        (503, b'{"reason": "two\\nlines"}', "answered 503: two lines"),
        (503, b'{"reason": 7}', "answered 503"),
        (503, b"[]", "answered 503"),
        (503, b"", "answered 503"),
        (503, b"\xff\xfe", "answered 503"),
        (503, b'{"reason": "\xff"}', "answered 503"),
        (503, b"[" * 60_000, "answered 503"),
        (302, b"{}", "answered 302"),
        (404, b"not here", "answered 404"),
    ],
)
async def test_any_other_status_is_not_and_gives_its_reason(status: int, body: bytes, said: str) -> None:
    result = await check(says(response(status, body)))
    assert (result.ok, result.message) == (False, said)


async def test_reason_is_bounded() -> None:
    result = await check(says(response(503, b'{"reason": "%b"}' % (b"x" * 10_000))))
    assert len(result.message) < 250


async def test_reply_is_put_together_from_its_pieces() -> None:
    whole = response(503, b'{"reason": "busy"}')
    result = await check(says(*(whole[i : i + 1] for i in range(len(whole)))))
    assert result.message == "answered 503: busy"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", id="a body that ends with the connection"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + response(200), id="an interim response"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="chunks"
        ),
    ],
)
async def test_every_whole_reply_counts(reply: bytes) -> None:
    assert (await check(says(reply))).ok


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        pytest.param(b"", "closed without a reply", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", "closed in the middle of the reply", id="half a head"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
            "closed in the middle of the reply",
            id="half a body",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            "closed in the middle of the reply",
            id="no last chunk",
        ),
        pytest.param(b"HTTP/1.1 103 Early\r\n\r\n", "closed in the middle of the reply", id="only interim"),
        pytest.param(b"220 smtp.example ESMTP\r\n", "no valid reply", id="another protocol"),
        pytest.param(b"\x00\xff" * 100, "no valid reply", id="garbage"),
        pytest.param(
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "no valid reply", id="upgrade"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"X-Fill: " + b"x" * MAX_RESPONSE + b"\r\n\r\n", "more than", id="endless head"
        ),
        pytest.param(response(200, b"x" * (MAX_RESPONSE + 1)), "more than", id="too much body"),
    ],
)  # fmt: skip
async def test_what_is_not_a_whole_http_reply_is_no_reply(reply: bytes, said: str) -> None:
    result = await check(says(reply))
    assert not result.ok
    assert said in result.message


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(says(then_stay=True), id="hanging"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\n", then_stay=True), id="stuck in the head"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", then_stay=True), id="stuck in the body"
        ),
    ],
)
async def test_one_that_stalls_is_given_up_at_the_timeout(script: Script) -> None:
    result = await check(script, SHORT_S)
    assert (result.ok, result.message) == (False, "no reply within 150 ms")
    assert result.latency_ms >= SHORT_S * 1000 - 20


async def test_header_that_drips_byte_by_byte_does_not_prolong_the_timeout() -> None:
    async def drip(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            await client.send(b"x")
            await asyncio.sleep(0.01)

    result = await check(drip, SHORT_S)
    assert (result.ok, result.message) == (False, "no reply within 150 ms")


async def test_reset_connection_is_a_miss() -> None:
    async def reset(client: Client) -> None:
        await client.read()
        client.reset()

    result = await check(reset)
    assert not result.ok
    assert result.message.startswith("no valid reply")


async def test_nobody_listening_is_told_as_such() -> None:
    upstream = RawUpstream()
    async with running(upstream):
        port = upstream.port
    result = await probe("127.0.0.1", port, "/health", LONG_S, SystemClock())
    assert (result.ok, result.message) == (False, "connection refused")


@pytest.mark.parametrize("host", ["..", f"{'a' * 64}.x", "exämple..invalid", "x\0y"])
async def test_host_that_cannot_be_found_is_a_miss(host: str) -> None:
    assert not (await probe(host, 1, "/health", LONG_S, SystemClock())).ok
