"""Bodies as streams: backpressure both ways, framing, what breaks off, and the end of a call."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import CallPolicy
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import BrokenBodyError, UpstreamError
from embedded_services.upstream.messages import BodyStream, UpstreamRequest
from embedded_services.upstream.transport import LAG
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.upstream.conftest import Connect

MB = 1 << 20
PIECE = bytes(range(256)) * 256


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield PIECE


async def counts_what_it_gets(client: Client) -> None:
    request = await client.read_head()
    digest, size = hashlib.sha256(), 0
    async for piece in client.read_body(request):
        digest.update(piece)
        size += len(piece)
    await client.answer(f"{size} {digest.hexdigest()}".encode())
    await client.reader.read()


def sends(count: int, *, chunked: bool) -> RawUpstream:
    async def script(client: Client) -> None:
        await client.read()
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (count * len(PIECE))
        await client.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        for _ in range(count):
            await client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
        if chunked:
            await client.send(b"0\r\n\r\n")
        await client.reader.read()

    return RawUpstream(script)


def stream(body: bytes | BodyStream) -> BodyStream:
    assert not isinstance(body, bytes)
    return body


def in_flight(client: UpstreamClient) -> int:
    return sum(stats.in_flight for stats in client.book.all())


@pytest.mark.parametrize("length", [None, 50 * MB])
async def test_a_large_request_body_passes_through_bounded_memory(
    connect: Connect, length: int | None
) -> None:
    client = await connect(RawUpstream(counts_what_it_gets), policy=CallPolicy())
    tracemalloc.start()
    try:
        request = UpstreamRequest("PUT", b"/", [], pieces(50 * MB // len(PIECE)), length)
        response = await client.call("user", request)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected = hashlib.sha256(PIECE * (50 * MB // len(PIECE))).hexdigest()
    assert response.body == f"{50 * MB} {expected}".encode()
    assert peak < 8 * MB


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_large_response_body_passes_through_bounded_memory(connect: Connect, chunked: bool) -> None:
    count = 50 * MB // len(PIECE)
    client = await connect(sends(count, chunked=chunked), policy=CallPolicy())
    tracemalloc.start()
    try:
        response = await client.call("user", UpstreamRequest("GET", b"/", []))
        assert response.length == (None if chunked else 50 * MB)
        digest, size = hashlib.sha256(), 0
        async for piece in stream(response.body):
            digest.update(piece)
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (size, digest.digest()) == (50 * MB, hashlib.sha256(PIECE * count).digest())
    assert peak < 8 * MB
    assert in_flight(client) == 0


async def test_a_consumer_that_does_not_read_stops_the_instance(connect: Connect) -> None:
    sent = 0

    async def script(client: Client) -> None:
        nonlocal sent
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
            sent += len(PIECE)

    client = await connect(RawUpstream(script), policy=CallPolicy())
    response = await client.call("user", UpstreamRequest("GET", b"/", []))
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.05)
    assert sent < LAG + 16 * MB  # what the sockets hold
    body = stream(response.body)
    for _ in range(100):
        await anext(body)
    assert sent > before
    assert in_flight(client) == 1
    body.close()
    assert in_flight(client) == 0


async def test_pieces_are_handed_on_as_they_come(connect: Connect) -> None:
    go_on = asyncio.Event()

    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go_on.wait()
        await client.send(b"6\r\nsecond\r\n0\r\n\r\n")
        await client.reader.read()

    upstream = RawUpstream(script)
    client = await connect(upstream)
    body = stream((await client.call("user", UpstreamRequest("GET", b"/events", []))).body)
    assert await anext(body) == b"first"
    go_on.set()
    assert [piece async for piece in body] == [b"second"]
    assert in_flight(client) == 0
    assert upstream.open == 1


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1000000\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
    ],
)
async def test_a_body_that_breaks_off_is_never_passed_off_as_complete(connect: Connect, head: bytes) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\n" + head)

    client = await connect(RawUpstream(script))
    response = await client.call("user", UpstreamRequest("GET", b"/", []))
    with pytest.raises(BrokenBodyError, match="user-1 broke off") as raised:
        await response.read(10 * MB)
    assert raised.value.code == "BAD_GATEWAY"
    delta = client.book.deltas(0.0)["user-1"]
    assert (delta.in_flight, delta.requests, delta.failures) == (0, 1, 1)


async def test_a_body_of_unknown_length_that_is_reset_is_not_complete_either(connect: Connect) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await asyncio.sleep(0.02)
        client.reset()

    client = await connect(RawUpstream(script))
    response = await client.call("user", UpstreamRequest("GET", b"/", []))
    with pytest.raises(BrokenBodyError):
        await response.read(10 * MB)


async def test_a_body_of_unknown_length_ends_with_the_connection(connect: Connect) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.0 200 OK\r\n\r\n")
        await client.send(b"all")

    client = await connect(RawUpstream(script))
    response = await client.call("user", UpstreamRequest("GET", b"/", []))
    assert await response.read(10 * MB) == b"all"


async def test_a_body_larger_than_its_reader_allows_is_refused(connect: Connect) -> None:
    upstream = sends(100, chunked=True)
    client = await connect(upstream)
    response = await client.call("user", UpstreamRequest("GET", b"/", []))
    with pytest.raises(UpstreamError, match="more than 1000 bytes"):
        await response.read(1000)
    assert in_flight(client) == 0
    await eventually(lambda: upstream.open == 0)


async def test_a_streamed_body_is_sent_once_only(connect: Connect) -> None:
    async def resets(client: Client) -> None:
        await client.read()
        client.reset()

    upstreams = RawUpstream(resets, "user-1"), RawUpstream(resets, "user-2")
    client = await connect(*upstreams)
    with pytest.raises(UpstreamError):
        await client.call("user", UpstreamRequest("PUT", b"/", [], pieces(2)))
    assert sum(len(upstream.requests) for upstream in upstreams) == 1


async def test_a_streamed_body_that_was_not_begun_goes_to_an_instance_that_listens(connect: Connect) -> None:
    dead, sound = RawUpstream(name="user-1"), RawUpstream(name="user-2")
    client = await connect(dead, sound)
    await dead.kill()
    for _ in range(2):
        response = await client.call("user", UpstreamRequest("POST", b"/", [], pieces(2)))
        assert response.body == b"user-2"


async def test_an_answer_that_comes_before_the_body_was_read_is_handed_on(connect: Connect) -> None:
    async def refuses(client: Client) -> None:
        await client.read_head()
        await client.answer(b"too large", status=413)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    client = await connect(RawUpstream(refuses))
    response = await client.call("user", UpstreamRequest("POST", b"/", [], endless()))
    assert (response.status, response.body) == (413, b"too large")
    assert in_flight(client) == 0


async def test_time_stands_still_while_the_body_is_on_its_way(connect: Connect) -> None:
    async def slow_body() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.05)
            yield b"piece"

    client = await connect(RawUpstream(counts_what_it_gets), policy=CallPolicy(timeout_s=0.1))
    response = await client.call("user", UpstreamRequest("POST", b"/", [], slow_body()))
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b"25 ")


async def test_an_instance_that_stops_reading_a_body_runs_out_of_time(connect: Connect) -> None:
    async def does_not_read(client: Client) -> None:
        await client.read_head()
        await asyncio.sleep(0.5)
        client.reset()

    client = await connect(RawUpstream(does_not_read), policy=CallPolicy(timeout_s=0.1))
    with pytest.raises(UpstreamError) as raised:
        await client.call("user", UpstreamRequest("POST", b"/", [], pieces(1000)))
    assert raised.value.code == "UPSTREAM_TIMEOUT"


async def test_an_error_of_the_body_is_passed_on_and_the_instance_gets_no_complete_request(
    connect: Connect,
) -> None:
    complete = False

    async def script(client: Client) -> None:
        nonlocal complete
        await client.read()
        complete = True

    async def too_large() -> AsyncIterator[bytes]:
        yield PIECE
        raise ApiError("PAYLOAD_TOO_LARGE", "more than 10 bytes")

    upstream = RawUpstream(script)
    client = await connect(upstream)
    with pytest.raises(ApiError) as raised:
        await client.call("user", UpstreamRequest("POST", b"/", [], too_large()))
    assert raised.value.code == "PAYLOAD_TOO_LARGE"
    await eventually(lambda: upstream.open == 0)
    assert not complete
    assert client.book.deltas(0.0)["user-1"].failures == 0


async def test_a_reader_that_is_cancelled_gives_its_connection_up(connect: Connect, tasks: Tasks) -> None:
    upstream = RawUpstream(sends(1, chunked=True).script)

    async def hangs(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.reader.read()

    upstream.script = hangs
    client = await connect(upstream)
    response = await client.call("user", UpstreamRequest("GET", b"/", []))
    reading = tasks.start(response.read(MB), "read")
    await asyncio.sleep(0.01)
    assert in_flight(client) == 1
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert in_flight(client) == 0
    await eventually(lambda: upstream.open == 0)
