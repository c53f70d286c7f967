"""The console's wire against a real socket that answers as a test tells it to."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from app.core.console import KEPT_BYTES, Console, ConsoleLimits, Ending, NoReplyError, Outgoing

Write = Callable[[asyncio.StreamWriter], Awaitable[None]]
GET = Outgoing("GET", "/x")
CHUNK = b"x" * 65536


class Server:
    """Reads requests whole and lets `answer` write; `heard` is what came."""

    def __init__(self, answer: bytes | Write = b"HTTP/1.1 204 No Content\r\n\r\n") -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self.left = asyncio.Event()
        """A client went away."""
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                ),
                0,
            )
            self.heard.append(head + await reader.readexactly(length))
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
            else:
                await self.answer(writer)
            await reader.read(1)
        self.left.set()
        writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def serving(
    answer: bytes | Write = b"HTTP/1.1 204 No Content\r\n\r\n",
) -> AsyncIterator[tuple[Server, str]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield server, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        server.hang_up()
        await listening.wait_closed()


def large(size: int) -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(CHUNK)):
            writer.write(CHUNK)
            await writer.drain()
        writer.write(CHUNK[: size % len(CHUNK)])

    return write


async def test_request_goes_out_as_it_was_written() -> None:
    async with serving() as (server, url), Console(url) as console:
        headers = (("X-A", "1"), ("x-a", "é"), ("User-Agent", "mine"))
        await console.send(Outgoing("PATCH", "/a/../b//c?d=%zz&e=[1]", headers, b"{"))
    head, _, body = server.heard[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"PATCH /a/../b//c?d=%zz&e=[1] HTTP/1.1"
    assert b"X-A: 1" in lines
    assert "x-a: é".encode() in lines
    assert [line for line in lines if line.startswith(b"User-Agent")] == [b"User-Agent: mine"]
    assert body == b"{"


async def test_answer_is_given_with_its_times() -> None:
    answer = b"HTTP/1.1 404 Nothing Here\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi"
    async with serving(answer) as (_, url), Console(url) as console:
        reply = await console.send(GET)
    assert (reply.status, reply.phrase, reply.http) == (404, "Nothing Here", "HTTP/1.1")
    assert reply.header("X-a") == "1"
    assert reply.header("x-none") == ""
    assert [value for name, value in reply.headers if name.lower() == "x-a"] == ["1", "2"]
    assert reply.kept == b"hi"
    assert reply.is_whole
    assert 0 < reply.first_ms <= reply.took_ms


async def test_neither_redirects_nor_cookies_are_followed() -> None:
    answer = (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    )
    async with serving(answer) as (server, url), Console(url) as console:
        assert (await console.send(GET)).status == 302
        await console.send(GET)
    assert b"ookie" not in server.heard[1]


async def test_fifty_megabytes_take_bounded_memory_and_leave_the_loop_free() -> None:
    size = 50_000_000
    told: list[int] = []
    worst = 0.0
    loop = asyncio.get_running_loop()

    async def watch() -> None:
        nonlocal worst
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            worst = max(worst, loop.time() - before)

    async with serving(large(size)) as (_, url), Console(url) as console, asyncio.TaskGroup() as group:
        await console.send(Outgoing("HEAD", "/"))
        watching = group.create_task(watch())
        tracemalloc.start()
        reply = await console.send(GET, told.append)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        watching.cancel()
    assert reply.size == told[-1] == size
    assert len(reply.kept) == KEPT_BYTES
    assert not reply.is_whole
    assert reply.ending is Ending.COMPLETE
    assert peak < 8 * 1024 * 1024
    assert worst < 0.2


async def test_answer_without_end_is_left() -> None:
    limits = ConsoleLimits(kept_bytes=10, most_bytes=1_000_000)
    async with serving(large(50_000_000)) as (server, url), Console(url, limits=limits) as console:
        reply = await console.send(GET)
        await server.left.wait()
    assert reply.ending is Ending.TOO_LARGE
    assert reply.size < 2_000_000
    assert reply.kept == b"x" * 10


async def test_answer_that_breaks_off_is_given_as_far_as_it_came() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        await writer.drain()
        writer.close()

    async with serving(write) as (_, url), Console(url) as console:
        reply = await console.send(GET)
    assert (reply.ending, reply.kept, reply.size) == (Ending.BROKEN, b"only this", 9)


async def test_answer_that_stops_coming_is_given_as_far_as_it_came() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    async with serving(write) as (_, url), Console(url, limits=ConsoleLimits(longest_s=0.2)) as console:
        reply = await console.send(GET)
    assert (reply.ending, reply.kept) == (Ending.TOO_SLOW, b"only this")


async def test_silence_is_told_with_its_length() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        """Nothing."""

    async with serving(write) as (_, url), Console(url, limits=ConsoleLimits(longest_s=0.1)) as console:
        with pytest.raises(NoReplyError, match=r"No answer within 0\.1 s") as raised:
            await console.send(GET)
    assert raised.value.took_ms >= 90


async def test_connection_closed_without_an_answer_is_told() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(write) as (_, url), Console(url) as console:
        with pytest.raises(NoReplyError, match="closed the connection without an answer"):
            await console.send(GET)


async def test_what_is_no_http_is_told() -> None:
    async with serving(b"SSH-2.0-OpenSSH\r\n\r\n") as (_, url), Console(url) as console:
        with pytest.raises(NoReplyError, match="without an answer"):
            await console.send(GET)


async def test_nobody_there_is_told_with_the_address() -> None:
    async with serving() as (_, url):
        pass
    async with Console(url) as console:
        with pytest.raises(NoReplyError, match=f"The gateway at {url} cannot be reached"):
            await console.send(GET)


async def test_cancelling_ends_the_connection() -> None:
    asked = asyncio.Event()

    async def write(writer: asyncio.StreamWriter) -> None:
        asked.set()

    async with serving(write) as (server, url), Console(url) as console:
        sending = asyncio.get_running_loop().create_task(console.send(GET))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(server.left.wait(), 2)
