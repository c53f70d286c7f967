"""Whatever bytes a client sends, the two paths answer alike and pass on the same.

But for one thing: aiohttp reads all of a packet before it answers any of it, so that what is wrong at its end takes the
requests before it along.
"""

import asyncio
import contextlib
import random

import msgspec

from tests.helpers.raw_client import connected
from tests.helpers.raw_upstream import Client, RawUpstream
from tests.integration.gateway.conftest import Running, Start, settings, token

AUTH = b"Authorization: Bearer " + token().encode()
SEEDS = (
    b"GET /api/users/1?a=b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n" + AUTH + b"\r\n\r\n",
    b"POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" + AUTH + b"\r\n\r\nhello",
    b"PUT /api/users/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    + AUTH
    + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HEAD /api/users HTTP/1.1\r\nHost: x:80\r\nConnection: keep-alive\r\n" + AUTH + b"\r\n\r\n",
)
ODD = (
    b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"\xff", b"\x0b", b"0", b"5", b"+", b"-", b"%", b"#", b"?",
    b"\r\n ", b"\r\nHost: y", b"\r\nContent-Length: 3", b"\r\nTransfer-Encoding: chunked", b"\r\nX: y", b"HTTP/1.1", b"1.0",
    b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\r\nConnection: close",
)  # fmt: skip

Told = tuple[list[int], list[tuple[str, bytes]]]

CASES = 40
QUIET_S = 0.03
SURELY_QUIET_S = 1.0
REFUSED: Told = ([400], [])


def mutated(draw: random.Random) -> bytes:
    wire = bytearray(b"".join(draw.choices(SEEDS, k=1)))
    for _ in range(draw.randint(1, 2)):
        at = draw.randrange(len(wire))
        match draw.randrange(4):
            case 0:
                wire[at:at] = draw.choice(ODD)
            case 1:
                del wire[at : at + draw.randint(1, 3)]
            case 2:
                wire[at] = draw.randrange(256)
            case _:
                wire[at : at + 1] = draw.choice(ODD)
    return bytes(wire)


async def told(gateway: Running, upstream: RawUpstream, wire: bytes, quiet_s: float) -> Told:
    """The statuses of what is answered, and what the instance got. What has no end has no answer either."""
    upstream.requests.clear()
    data = b""
    async with connected(gateway.port) as client:
        await client.send(wire)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(quiet_s):
                while piece := await client.reader.read(65536):
                    data += piece
    statuses = [int(line.split(b" ")[1]) for line in data.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return statuses, [(request.line, request.body) for request in upstream.requests]


async def test_mutations_of_honest_requests(start: Start) -> None:
    async def empty(client: Client) -> None:
        while True:
            await client.read()
            await client.answer(b"")

    draw = random.Random(4)
    upstreams = [RawUpstream(empty), RawUpstream(empty)]
    edge, patient = [await start(user=[upstream]) for upstream in upstreams]
    one = settings()
    patient.apply(msgspec.structs.replace(one, gateway=msgspec.structs.replace(one.gateway, fast_path=False)))

    async def alike(wire: bytes, quiet_s: float) -> bool:
        ours, theirs = await asyncio.gather(
            told(edge, upstreams[0], wire, quiet_s), told(patient, upstreams[1], wire, quiet_s)
        )
        return theirs in (ours, REFUSED)

    for _ in range(CASES):
        wire = mutated(draw)
        assert await alike(wire, QUIET_S) or await alike(wire, SURELY_QUIET_S), wire
