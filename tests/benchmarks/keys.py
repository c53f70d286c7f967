"""As many clients as asked for, a request of each, in a process of its own: `python -m tests.benchmarks.keys`.

Real HTTP, pipelined: the field `X-Client` makes the client, and there is no token, so that a request is counted by the
rate limit, which comes first, and refused before it goes upstream.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from tests.benchmarks.processes import output_of

CONNECTIONS: Final = 8
BATCH: Final = 32
"""Requests that a connection sends before it waits for their answers."""
NAME: Final = "client-%d"
REFUSED: Final = b"HTTP/1.1 401 "


@dataclass(frozen=True)
class Counted:
    """Clients that had an answer, and in how many seconds."""

    clients: int
    seconds: float


async def come(url: str, *, clients: int, within_s: float) -> Counted:
    """From another process; fewer than `clients` come when the time is up. Raises RuntimeError when that fails."""
    asked = json.dumps({"url": url, "clients": clients, "within": within_s})
    return Counted(**json.loads(await output_of(sys.executable, "-m", __name__, asked)))


async def count_of_first(url: str, limit: int) -> int:
    """How often the first of the clients has come, this time too, by what the rate limit says is left of `limit`."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url, headers={"X-Client": NAME % 0})
    left = re.search(r"r=(\d+)", answer.headers["RateLimit"])
    assert left is not None
    return limit - int(left[1])


async def _come(host: str, port: int, path: str, numbers: range, until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    came = 0
    for first in range(numbers.start, numbers.stop, BATCH):
        if time.perf_counter() >= until:
            break
        batch = range(first, min(first + BATCH, numbers.stop))
        writer.writelines(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Client: {NAME % number}\r\n\r\n".encode()
            for number in batch
        )
        await _answers(reader, len(batch))
        came += len(batch)
    writer.close()
    return came


async def _answers(reader: asyncio.StreamReader, count: int) -> None:
    """Wait for that many. Raises RuntimeError at one that is not the refusal of somebody without a token."""
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(REFUSED):
            raise RuntimeError(f"not a refusal: {head!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length[15:]))


async def run(url: str, clients: int, within_s: float) -> Counted:
    parts = urlsplit(url)
    began = time.perf_counter()
    share = -(-clients // CONNECTIONS)
    came = await asyncio.gather(
        *(
            _come(
                parts.hostname or "",
                parts.port or 80,
                parts.path,
                range(number * share, min(clients, (number + 1) * share)),
                began + within_s,
            )
            for number in range(CONNECTIONS)
        )
    )
    return Counted(sum(came), time.perf_counter() - began)


def main() -> None:
    import uvloop

    asked = json.loads(sys.argv[1])
    told = uvloop.run(run(asked["url"], asked["clients"], asked["within"]))
    print(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
