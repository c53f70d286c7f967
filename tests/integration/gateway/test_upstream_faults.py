"""Instances that misbehave on the wire: each fault has one clear outcome, and never spoils the next request."""

import asyncio

import pytest

from embedded_services.contracts.settings import CallPolicy, GatewaySettings
from tests.helpers.raw_upstream import Client, RawUpstream, Script, eventually
from tests.integration.gateway.conftest import BOTH_PATHS, Start, bearer, settings
from tests.integration.gateway.test_bodies import upload

pytestmark = BOTH_PATHS

HASTY = settings(policy=CallPolicy(connect_timeout_s=0.3, try_timeout_s=0.15, timeout_s=0.3, tries=1))
OK = b"HTTP/1.1 200 OK\r\n"


def once(wire: bytes, *, reset: bool = False, stall: bool = False) -> Script:
    """Answers the first request with `wire`, and then ends, resets or says nothing more; the second one as it should."""
    asked = 0

    async def script(client: Client) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await client.read()
            await client.answer(b"sound")
            return
        await client.read()
        await client.send(wire)
        if stall:
            await client.reader.read()
        elif reset:
            await asyncio.sleep(0.02)
            client.reset()

    return script


BROKEN = {
    "nothing": b"",
    "half a head": OK + b"Content-Le",
    "garbage": b"\0\1\2\3 what is this\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length and a coding": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": OK + b"Content-Length: three\r\n\r\nabc",
    "a negative length": OK + b"Content-Length: -3\r\n\r\nabc",
    "a folded field": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a field": OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a head without end": OK + b"X: " + b"y" * 100_000,
    "fields without end": OK + b"X: y\r\n" * 20_000,
    "interim answers only": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    "a small body that is too short": OK + b"Content-Length: 10\r\n\r\nshort",
    "a switch of protocols": b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("wire", BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_no_answer_is_a_bad_gateway(start: Start, wire: bytes) -> None:
    gateway = await start(user=[RawUpstream(once(wire))], settings=HASTY)
    client = await gateway.connect()
    response = await client.ask("GET", "/api/users", **bearer())
    assert (response.status, response.error) == (502, "BAD_GATEWAY")
    assert "user-1" in response.json["error"]["message"]
    assert (await client.ask("GET", "/api/users", **bearer())).body == b"sound"


@pytest.mark.parametrize(
    "wire", [b"", OK, OK + b"Content-Length: 10\r\n\r\nshort", b"HTTP/1.1 103 X\r\n\r\n"]
)
async def test_an_instance_that_stalls_runs_out_of_time(start: Start, wire: bytes) -> None:
    gateway = await start(user=[RawUpstream(once(wire, stall=True))], settings=HASTY)
    client = await gateway.connect()
    response = await client.ask("GET", "/api/users", **bearer())
    assert (response.status, response.error) == (504, "UPSTREAM_TIMEOUT")
    assert (await client.ask("GET", "/api/users", **bearer())).body == b"sound"


LARGE = b"x" * 100_000
CUT = {
    "too short": OK + b"Content-Length: 200000\r\n\r\n" + LARGE,
    "half a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n30d40\r\n" + LARGE,
    "no last chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + LARGE + b"\r\n",
    "a chunk of no size": OK + b"Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + LARGE + b"\r\nzz\r\n",
    "a chunk that is too long": OK + b"Transfer-Encoding: chunked\r\n\r\n1869f\r\n" + LARGE + b"\r\n0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("wire", CUT.values(), ids=CUT.keys())
async def test_a_body_that_breaks_off_is_never_taken_for_whole(
    start: Start, wire: bytes, reset: bool
) -> None:
    gateway = await start(user=[RawUpstream(once(wire, reset=reset))], settings=HASTY)
    client = await gateway.connect()
    await client.send(b"GET /api/users HTTP/1.1\r\nHost: x\r\n" + _auth() + b"\r\n")
    response = await client.read_head()
    assert response.status == 200
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        assert [piece async for piece in client.read_body(response)]
    assert await client.is_closed()
    beat = gateway.beat()
    assert beat is not None
    assert "user-1 broke off its answer" in beat.requests[0].note
    assert (await gateway.get("/api/users")).body == b"sound"


EXCESS = {
    "bytes after the body": OK + b"Content-Length: 2\r\n\r\nokmore",
    "a second answer": OK + b"Content-Length: 2\r\n\r\nok" + OK + b"Content-Length: 4\r\n\r\nevil",
    "a second answer after chunks": OK
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    + OK
    + b"Content-Length: 4\r\n\r\nevil",
}


@pytest.mark.parametrize("wire", EXCESS.values(), ids=EXCESS.keys())
async def test_more_than_was_announced_is_nobodys_answer(start: Start, wire: bytes) -> None:
    upstream = RawUpstream(once(wire, stall=True))
    gateway = await start(user=[upstream], settings=HASTY)
    client = await gateway.connect()
    assert (await client.ask("GET", "/api/users", **bearer())).body == b"ok"
    assert (await client.ask("GET", "/api/users", **bearer())).body == b"sound"
    assert upstream.connections == 2


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 X\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nok",
        OK + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n",
        OK + b"\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_what_is_only_unusual_arrives(start: Start, wire: bytes) -> None:
    gateway = await start(user=[RawUpstream(once(wire))], settings=HASTY)
    client = await gateway.connect()
    response = await client.ask("GET", "/api/users", **bearer())
    assert (response.status, response.body) == (200, b"ok")
    assert not {"link", "x", "trailer"} & set(response.headers)
    assert (await client.ask("GET", "/api/users", **bearer())).body == b"sound"


@pytest.mark.parametrize("length", [None, 50_000_000])
async def test_an_answer_before_the_body_was_read_arrives(start: Start, length: int | None) -> None:
    async def refuses(client: Client) -> None:
        await client.read_head()
        await client.answer(b"no", status=403)

    upstream = RawUpstream(refuses)
    large = settings(gateway=GatewaySettings(body_limit=100_000_000))
    gateway = await start(user=[upstream], settings=large)
    client = await gateway.connect()
    piece = b"10000\r\n" + bytes(65536) + b"\r\n" if length is None else bytes(65536)
    await client.send(upload(length) + piece * 2)
    response = await client.read()
    assert (response.status, response.body, response.headers["connection"]) == (403, b"no", "close")
    await eventually(lambda: upstream.open == 0)


def _auth() -> bytes:
    return f"Authorization: {bearer()['Authorization']}\r\n".encode()
