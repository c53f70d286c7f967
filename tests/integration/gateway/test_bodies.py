"""Bodies through the gateway, over real sockets: streams both ways, limits, what breaks off, and clients that leave."""

import asyncio
import hashlib
import tracemalloc

import msgspec
import pytest

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import GatewaySettings
from tests.helpers.raw_client import connected, request
from tests.helpers.raw_upstream import Client, RawUpstream, eventually
from tests.integration.gateway.conftest import BOTH_PATHS, Running, Start, bearer, settings, token

pytestmark = BOTH_PATHS

MB = 1 << 20
PIECE = bytes(range(256)) * 256
LARGE = settings(gateway=GatewaySettings(body_limit=100 * MB))
SMALL = settings(gateway=GatewaySettings(body_limit=1 * MB, header_limit=4096))


async def echoes(client: Client) -> None:
    """Sends back what comes, as it comes, in the framing it came in."""
    while True:
        request = await client.read_head()
        chunked = request.headers.get("transfer-encoding") == "chunked"
        length = request.headers.get("content-length", "0")
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
        await client.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        async for piece in client.read_body(request):
            await client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            await client.send(b"0\r\n\r\n")


def upload(length: int | None, **headers: str) -> bytes:
    """The head of a POST with a body of that length, or in chunks."""
    framing = {"Transfer_Encoding": "chunked"} if length is None else {}
    head = request("GET", "/api/users", **bearer(), **framing, **headers).replace(b"GET", b"POST", 1)
    return head if length is None else head[:-2] + b"Content-Length: %d\r\n\r\n" % length


def in_flight(gateway: Running) -> dict[str, int]:
    beat = gateway.beat()
    return {name: stats.in_flight for name, stats in beat.calls.items()} if beat is not None else {}


@pytest.mark.parametrize("chunked", [False, True])
async def test_fifty_megabytes_stream_through_both_ways_at_once_in_bounded_memory(
    start: Start, tasks: Tasks, chunked: bool
) -> None:
    count = 50 * MB // len(PIECE)
    gateway = await start(user=[RawUpstream(echoes)], settings=LARGE)
    client = await gateway.connect()

    async def send() -> None:
        await client.send(upload(None if chunked else 50 * MB))
        for _ in range(count):
            await client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
        if chunked:
            await client.send(b"0\r\n\r\n")

    tracemalloc.start()
    try:
        sender = tasks.start(send(), "send")
        response = await client.read_head()
        digest, size = hashlib.sha256(), 0
        async for piece in client.read_body(response):
            digest.update(piece)
            size += len(piece)
        await sender
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.headers.get("content-length") == (None if chunked else str(50 * MB))
    assert (size, digest.digest()) == (50 * MB, hashlib.sha256(PIECE * count).digest())
    assert peak < 16 * MB


async def test_a_client_that_reads_slowly_slows_the_instance_down(start: Start) -> None:
    sent = 0

    async def script(client: Client) -> None:
        nonlocal sent
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (500 * len(PIECE)))
        for _ in range(500):
            await client.send(PIECE)
            sent += len(PIECE)
        await client.reader.read()

    gateway = await start(user=[RawUpstream(script)])
    client = await gateway.connect()
    await client.send(request("GET", "/api/users", **bearer()))
    response = await client.read_head()
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.05)
    assert sent < 25 * MB  # what all the sockets on the way hold
    body = client.read_body(response)
    assert sum([len(piece) async for piece in body]) == 500 * len(PIECE)


async def test_a_client_that_leaves_cancels_the_call(start: Start) -> None:
    async def waits(client: Client) -> None:
        await client.read()
        await client.reader.read()

    upstream = RawUpstream(waits)
    gateway = await start(user=[upstream])
    async with connected(gateway.port) as client:
        await client.send(request("GET", "/api/users", **bearer()))
        await eventually(lambda: len(upstream.requests) == 1)
        assert in_flight(gateway) == {"user-1": 1}
    await eventually(lambda: upstream.open == 0)
    beat = gateway.beat()
    assert beat is not None
    assert [(record.status, record.note) for record in beat.requests] == [(499, "the client left")]
    assert beat.calls["user-1"].in_flight == 0
    assert beat.calls["user-1"].failures == 0


async def test_a_client_that_leaves_in_the_middle_of_a_body_cancels_it_too(start: Start) -> None:
    async def drips(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await client.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    upstream = RawUpstream(drips)
    gateway = await start(user=[upstream])
    async with connected(gateway.port) as client:
        await client.send(request("GET", "/api/users", **bearer()))
        await anext(client.read_body(await client.read_head()))
    await eventually(lambda: upstream.open == 0)
    beat = gateway.beat()
    assert beat is not None
    assert [(record.status, record.note) for record in beat.requests] == [(200, "the client left")]
    assert beat.calls["user-1"].in_flight == 0


@pytest.mark.parametrize("length", [None, 500_000])
async def test_a_client_that_leaves_during_its_upload_leaves_no_complete_request(
    start: Start, length: int | None
) -> None:
    complete = 0

    async def script(client: Client) -> None:
        nonlocal complete
        await client.read()
        complete += 1

    upstream = RawUpstream(script)
    gateway = await start(user=[upstream])
    async with connected(gateway.port) as client:
        await client.send(upload(length))
        for _ in range(4):
            await client.send(PIECE if length else b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
        await eventually(lambda: len(upstream.requests) == 1)
    await eventually(lambda: upstream.open == 0)
    assert complete == 0
    await eventually(lambda: in_flight(gateway) == {"user-1": 0})


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 100000\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
)
async def test_a_body_that_breaks_off_breaks_off_for_the_client_too(start: Start, head: bytes) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\n" + head)

    gateway = await start(user=[RawUpstream(script)])
    client = await gateway.connect()
    await client.send(request("GET", "/api/users", **bearer()))
    response = await client.read_head()
    with pytest.raises(asyncio.IncompleteReadError):
        assert [piece async for piece in client.read_body(response)] == [b"half"]
    beat = gateway.beat()
    assert beat is not None
    assert "user-1 broke off" in beat.requests[0].note
    assert beat.calls["user-1"].failures == 1


async def test_a_body_of_unknown_length_that_breaks_off_is_no_orderly_end_for_an_old_client(
    start: Start,
) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await asyncio.sleep(0.05)

    gateway = await start(user=[RawUpstream(script)])
    client = await gateway.connect()
    await client.send(b"GET /api/users HTTP/1.0\r\nAuthorization: Bearer " + token().encode() + b"\r\n\r\n")
    response = await client.read_head()
    assert "transfer-encoding" not in response.headers
    assert response.headers["connection"] == "close"
    with pytest.raises(ConnectionResetError):
        assert [piece async for piece in client.read_body(response)] == [b"half"]
    beat = gateway.beat()
    assert beat is not None
    assert "broke off" in beat.requests[0].note


async def test_an_old_client_gets_a_stream_that_ends_with_the_connection(start: Start) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await client.send(b"6\r\nsecond\r\n0\r\n\r\n")

    gateway = await start(user=[RawUpstream(script)])
    client = await gateway.connect()
    await client.send(b"GET /api/users HTTP/1.0\r\nAuthorization: Bearer " + token().encode() + b"\r\n\r\n")
    assert (await client.read()).body == b"firstsecond"


async def test_an_old_client_that_asks_for_it_keeps_its_connection(start: Start) -> None:
    gateway = await start(user=[RawUpstream()])
    client = await gateway.connect()
    for _ in range(3):
        await client.send(
            b"GET /api/users HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer "
            + token().encode()
            + b"\r\n\r\n"
        )
        response = await client.read()
        assert (response.status, response.headers["connection"]) == (200, "keep-alive")


async def test_head_has_the_length_and_no_body(start: Start) -> None:
    async def script(client: Client) -> None:
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        await client.read()
        await client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.read()
        await client.answer(b"after")

    gateway = await start(user=[RawUpstream(script)])
    client = await gateway.connect()
    known = await client.ask("HEAD", "/api/users", **bearer())
    assert (known.status, known.headers["content-length"]) == (200, "5000")
    unknown = await client.ask("HEAD", "/api/users", **bearer())
    assert (unknown.status, unknown.headers.keys() & {"transfer-encoding", "content-length"}) == (200, set())
    assert (await client.ask("GET", "/api/users", **bearer())).body == b"after"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_no_framing(start: Start, status: int) -> None:
    async def script(client: Client) -> None:
        while True:
            await client.read()
            await client.send(b"HTTP/1.1 %d X\r\nETag: x\r\n\r\n" % status)

    gateway = await start(user=[RawUpstream(script)])
    client = await gateway.connect()
    for _ in range(2):
        response = await client.ask("GET", "/api/users", **bearer())
        assert (response.status, response.body, response.headers["etag"]) == (status, b"", "x")
        assert not {"content-length", "transfer-encoding"} & set(response.headers)


async def test_a_body_larger_than_allowed_is_refused_before_it_is_read(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream], settings=SMALL)
    client = await gateway.connect()
    await client.send(upload(1 * MB + 1))
    response = await client.read()
    assert (response.status, response.error) == (413, "PAYLOAD_TOO_LARGE")
    assert response.headers["connection"] == "close"
    assert upstream.requests == []


async def test_the_smallest_limit_holds_for_the_smallest_bodies(start: Start) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream], settings=settings(gateway=GatewaySettings(body_limit=1024)))
    client = await gateway.connect()
    assert (await client.ask("POST", "/api/users", b"x" * 1024, **bearer())).status == 200
    assert (await client.ask("POST", "/api/users", b"x" * 1025, **bearer())).error == "PAYLOAD_TOO_LARGE"
    assert len(upstream.requests) == 1


async def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large(start: Start) -> None:
    complete = 0

    async def script(client: Client) -> None:
        nonlocal complete
        await client.read()
        complete += 1

    upstream = RawUpstream(script)
    gateway = await start(user=[upstream], settings=SMALL)
    client = await gateway.connect()
    await client.send(upload(None))
    for _ in range(17):
        await client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
    response = await client.read()
    assert (response.status, response.error) == (413, "PAYLOAD_TOO_LARGE")
    await eventually(lambda: upstream.open == 0)
    assert complete == 0


async def test_an_upload_that_turns_out_too_large_ends_the_answer_that_has_begun(start: Start) -> None:
    upstream = RawUpstream(echoes)
    gateway = await start(user=[upstream], settings=SMALL)
    client = await gateway.connect()
    await client.send(upload(None) + b"%x\r\n%b\r\n" % (len(PIECE), PIECE) * 2)
    response = await client.read_head()
    assert response.status == 200
    for _ in range(16):
        await client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        assert [piece async for piece in client.read_body(response)]
    await eventually(lambda: upstream.open == 0)
    beat = gateway.beat()
    assert beat is not None
    assert beat.requests[0].note == f"A body may measure {MB} bytes"


async def test_the_body_limit_can_be_changed_while_the_gateway_runs(start: Start) -> None:
    gateway = await start(user=[RawUpstream()], settings=SMALL)
    assert (await gateway.ask("POST", "/api/users", b"x" * 2 * MB, **bearer())).status == 413
    gateway.apply(msgspec.structs.replace(SMALL, gateway=GatewaySettings(body_limit=3 * MB)))
    assert (await gateway.ask("POST", "/api/users", b"x" * 2 * MB, **bearer())).status == 200


@pytest.mark.parametrize("size", [500, 200_000])
async def test_a_client_that_waits_for_leave_to_send_gets_it_when_the_body_is_wanted(
    start: Start, size: int
) -> None:
    gateway = await start(user=[RawUpstream(echoes)])
    client = await gateway.connect()
    await client.send(upload(size, Expect="100-continue"))
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"x" * size)
    assert (await client.read()).body == b"x" * size


async def test_a_client_that_waits_for_leave_is_refused_without_sending(start: Start) -> None:
    gateway = await start(user=[RawUpstream()])
    client = await gateway.connect()
    await client.send(upload(500, Expect="100-continue").replace(token().encode(), b"bad"))
    response = await client.read()
    assert response.status == 403


async def test_an_answer_before_the_end_of_the_upload_reaches_the_client(start: Start) -> None:
    async def refuses(client: Client) -> None:
        await client.read_head()
        await client.answer(b"no", status=409)
        await asyncio.sleep(0.2)

    gateway = await start(user=[RawUpstream(refuses)], settings=LARGE)
    client = await gateway.connect()
    await client.send(upload(50 * MB) + PIECE)
    response = await client.read()
    assert (response.status, response.body) == (409, b"no")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize(("status", "size"), [(401, 8 * MB), (413, 20 * MB)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_sends_all_before_it_reads_still_gets_the_early_answer(
    start: Start, status: int, size: int, chunked: bool
) -> None:
    upstream = RawUpstream()
    gateway = await start(user=[upstream])
    client = await gateway.connect()
    head = upload(None if chunked else size)
    await client.send(head.replace(b"Authorization", b"X") if status == 401 else head)
    for _ in range(size // len(PIECE)):
        await client.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
    if chunked:
        await client.send(b"0\r\n\r\n")
    response = await client.read()
    assert (response.status, response.headers["connection"]) == (status, "close")
    assert await client.is_closed()
