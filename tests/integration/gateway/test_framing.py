"""Bytes that two servers could read in two ways: refused in the envelope, the connection ended, nothing passed on.

Each case runs on both paths, with a request behind it that must never be served; heads also come byte by byte.
"""

import asyncio

import pytest

from tests.helpers.raw_client import connected
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.gateway.conftest import BOTH_PATHS, Start, token

pytestmark = BOTH_PATHS

AUTH = b"Authorization: Bearer " + token().encode() + b"\r\n"
SMUGGLED = b"GET /api/users/smuggled HTTP/1.1\r\nHost: x\r\n" + AUTH + b"\r\n"


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /api/users HTTP/1.1\r\nHost: x\r\n" + AUTH + fields + b"\r\n" + body


def get(fields: bytes, line: bytes = b"GET /api/users HTTP/1.1") -> bytes:
    return line + b"\r\n" + AUTH + fields + b"\r\n"


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n", body)


HEADS = {
    # where the body ends
    "two lengths that differ": post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"),
    "two lengths that agree": post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"),
    "a list of lengths": post(b"Content-Length: 5, 5\r\n", b"abcde"),
    "a length with a sign": post(b"Content-Length: +5\r\n", b"abcde"),
    "a negative length": post(b"Content-Length: -5\r\n", b"abcde"),
    "a hexadecimal length": post(b"Content-Length: 0x5\r\n", b"abcde"),
    "a length with a fraction": post(b"Content-Length: 5.0\r\n", b"abcde"),
    "a length with an underscore": post(b"Content-Length: 1_0\r\n", b"abcdefghij"),
    "a length in other digits": post("Content-Length: \u0665\r\n".encode(), b"abcde"),
    "an empty length": post(b"Content-Length: \r\n"),
    "a length in quotes": post(b'Content-Length: "5"\r\n', b"abcde"),
    "a length with a space in it": post(b"Content-Length: 5 5\r\n", b"abcde"),
    "a huge length": post(b"Content-Length: 18446744073709551617\r\n", b"a"),
    "a huger length": post(b"Content-Length: " + b"9" * 400 + b"\r\n", b"a"),
    "length and coding": post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "coding and length": post(b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n"),
    "coding and a bad length": post(b"Transfer-Encoding: chunked\r\nContent-Length: x\r\n", b"0\r\n\r\n"),
    "chunked, then identity": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "identity, then chunked": post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity\r\n", b"abc"),
    "gzip": post(b"Transfer-Encoding: gzip\r\n", b"abc"),
    "gzip, then chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    "chunked in two fields": post(
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"
    ),
    "codings in two fields": post(
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"
    ),
    "a coding with a prefix": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "a coding with a suffix": post(b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n"),
    "a coding in quotes": post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    "a coding with a parameter": post(b"Transfer-Encoding: chunked;a=b\r\n", b"0\r\n\r\n"),
    "a coding after a comma": post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n"),
    "a coding before a comma": post(b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n"),
    "a coding after a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "an empty coding": post(b"Transfer-Encoding: \r\n", b"0\r\n\r\n"),
    "a coding in HTTP/1.0": post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n").replace(b"1.1", b"1.0"),
    # where a line ends
    "a folded field": get(b"Host: x\r\nX: a\r\n folded\r\n"),
    "a field folded with a tab": get(b"Host: x\r\nX: a\r\n\tfolded\r\n"),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
    "a folded first field": b"GET /api/users HTTP/1.1\r\n X: y\r\nHost: x\r\n" + AUTH + b"\r\n",
    "bare LF everywhere": b"GET /api/users HTTP/1.1\nHost: x\n\n",
    "bare LF after the request line": b"GET /api/users HTTP/1.1\nHost: x\r\n" + AUTH + b"\r\n",
    "bare LF after a field": get(b"Host: x\nX: a\r\n"),
    "bare LF at the end of the head": b"GET /api/users HTTP/1.1\r\nHost: x\r\n" + AUTH + b"\n",
    "bare CR in a value": get(b"Host: x\r\nX: a\rContent-Length: 5\r\n"),
    "bare CR before a field": get(b"Host: x\r\n\rX: a\r\n"),
    "CR CR LF": get(b"Host: x\r\nX: a\r\r\n"),
    "NUL in a value": get(b"Host: x\r\nX: a\0b\r\n"),
    "NUL in a name": get(b"Host: x\r\nX\0: a\r\n"),
    "a control character in a value": get(b"Host: x\r\nX: a\x01b\r\n"),
    # names
    "space before the colon": get(b"Host: x\r\nX : a\r\n"),
    "space before the colon of a length": post(b"Content-Length : 3\r\n", b"abc"),
    "tab before the colon of a coding": post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n"),
    "a field without a colon": get(b"Host: x\r\nX\r\n"),
    "a field without a name": get(b"Host: x\r\n: a\r\n"),
    "a name with a space": get(b"Host: x\r\nBad Name: x\r\n"),
    "a name that is not ASCII": get(b"Host: x\r\nX\xff: y\r\n"),
    # whom it is for
    "no Host": get(b""),
    "two Hosts": get(b"Host: x\r\nHost: y\r\n"),
    "two equal Hosts": get(b"Host: x\r\nHost: x\r\n"),
    "a list of Hosts": get(b"Host: x, y\r\n"),
    "a Host with a path": get(b"Host: x/y\r\n"),
    "a Host with a user": get(b"Host: a@x\r\n"),
    "an empty Host": get(b"Host: \r\n"),
    # the request line
    "a tab": get(b"Host: x\r\n", b"GET\t/api/users HTTP/1.1"),
    "a space at the end": get(b"Host: x\r\n", b"GET /api/users HTTP/1.1 "),
    "no version": b"GET /api/users\r\nHost: x\r\n\r\n",
    "HTTP/2.0": get(b"Host: x\r\n", b"GET /api/users HTTP/2.0"),
    "HTTP/1.2": get(b"Host: x\r\n", b"GET /api/users HTTP/1.2"),
    "HTTP/9.9": get(b"Host: x\r\n", b"GET /api/users HTTP/9.9"),
    "HTTP/1.10": get(b"Host: x\r\n", b"GET /api/users HTTP/1.10"),
    "a version in lower case": get(b"Host: x\r\n", b"GET /api/users http/1.1"),
    "a target with a space": get(b"Host: x\r\n", b"GET /api/us ers HTTP/1.1"),
    "a target with a control character": get(b"Host: x\r\n", b"GET /api/us\x01ers HTTP/1.1"),
    "a target that is not ASCII": get(b"Host: x\r\n", b"GET /api/\xff\xfe HTTP/1.1"),
    "a query that is not ASCII": get(b"Host: x\r\n", b"GET /api/users?\xc3\x28 HTTP/1.1"),
    "a method that is not ASCII": get(b"Host: x\r\n", b"GE\xffT /api/users HTTP/1.1"),
    "garbage": b"garbage\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

BODIES = {
    "a size in other letters": chunked(b"zz\r\n\r\n"),
    "a size with 0x": chunked(b"0x5\r\nabcde\r\n0\r\n\r\n"),
    "a size with a sign": chunked(b"+5\r\nabcde\r\n0\r\n\r\n"),
    "a negative size": chunked(b"-5\r\nabcde\r\n0\r\n\r\n"),
    "a size after a space": chunked(b" 5\r\nabcde\r\n0\r\n\r\n"),
    "a size with an underscore": chunked(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    "no size": chunked(b"\r\nabcde\r\n0\r\n\r\n"),
    "a size that overflows": chunked(b"10000000000000005\r\nabcde\r\n0\r\n\r\n"),
    "a size that overflows by far": chunked(b"f" * 40 + b"\r\nabcde\r\n0\r\n\r\n"),
    "a size ended by LF": chunked(b"5\nabcde\r\n0\r\n\r\n"),
    "a size ended by CR": chunked(b"5\rabcde\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": chunked(b"3\r\nabcd\r\n0\r\n\r\n"),
    "a chunk without CRLF": chunked(b"3\r\nabc0\r\n\r\n"),
    "a chunk ended by LF": chunked(b"3\r\nabc\n0\r\n\r\n"),
    "an extension ended by LF": chunked(b"3;a\nabc\r\n0\r\n\r\n"),
    "an extension with a bare CR": chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "an extension with NUL": chunked(b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
    "trailers with a bare LF": chunked(b"3\r\nabc\r\n0\r\nX: y\n\r\n"),
    "a folded trailer": chunked(b"3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"),
}


@pytest.mark.parametrize("wire", HEADS.values(), ids=HEADS.keys())
async def test_a_head_that_could_be_read_in_two_ways(start: Start, wire: bytes) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    await client.send(wire + SMUGGLED)
    response = await client.read()
    assert response.status == 400
    assert response.error == "VALIDATION_FAILED"
    assert response.json["error"]["requestId"] == response.headers["x-request-id"]
    assert response.headers["connection"] == "close"
    assert await client.is_closed()
    assert upstream.connections == 0
    beat = gateway.beat()
    assert beat is not None
    assert [record.status for record in beat.requests] == [400]


async def test_it_is_refused_all_the_same_when_it_comes_byte_by_byte(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])

    async def drip(wire: bytes) -> int:
        async with connected(gateway.port) as client:
            for byte in wire + SMUGGLED:
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0)
            return (await client.read()).status

    statuses = await asyncio.gather(*(drip(wire) for wire in HEADS.values()))
    assert dict(zip(HEADS, statuses, strict=True)) == dict.fromkeys(HEADS, 400)
    assert upstream.connections == 0


@pytest.mark.parametrize("wire", BODIES.values(), ids=BODIES.keys())
async def test_a_body_whose_end_could_be_seen_in_two_places(start: Start, wire: bytes) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    await client.send(wire + SMUGGLED)
    response = await client.read()
    assert (response.status, response.error) == (400, "VALIDATION_FAILED")
    assert response.headers["connection"] == "close"
    assert await client.is_closed()
    await eventually(lambda: upstream.open == 0)
    assert upstream.requests == []


async def test_what_is_only_unusual_goes_on_in_the_usual_form(start: Start) -> None:
    upstream = RawUpstream(echoes)
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    for wire in (
        get(b"Host: x\r\n", b"\r\nGET /api/users HTTP/1.1"),
        get(b"Host: x\r\n", b"GET  /api/users HTTP/1.1"),
        get(b"Host: x\r\nX:   a \t \r\n"),
        get(b"HOST:x\r\nX:\r\n"),
        chunked(b"3;a=b;c\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\n"),
        post(b"Content-Length: 003\r\n", b"abc"),
        post(b"transfer-encoding:CHUNKED\r\n", b"3\r\nabc\r\n0\r\nX-User-ID: admin\r\n\r\n"),
    ):
        await client.send(wire)
        assert (await client.read()).status == 200
    lines = [request.line for request in upstream.requests]
    assert lines == ["GET /users HTTP/1.1"] * 4 + ["POST /users HTTP/1.1"] * 3
    assert [request.headers.get("x") for request in upstream.requests[:4]] == [None, None, "a", ""]
    assert [request.body for request in upstream.requests[4:]] == [b"abc0123456789", b"abc", b"abc"]
    assert {request.headers["x-user-id"] for request in upstream.requests} == {"u1"}


async def echoes(client: Client) -> None:
    while True:
        await client.answer((await client.read()).body)
