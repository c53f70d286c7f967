"""A server that a test scripts byte by byte, to stand in for an instance that behaves or misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from embedded_services.common import platform
from embedded_services.contracts.agent import Peer, Peers, ServicePeers


@dataclass
class RawRequest:
    """What one request was, as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Client:
    """One connection to the server, for its script."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "RawUpstream"

    async def read_head(self) -> RawRequest:
        """Raises IncompleteReadError when the connection ends."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head[:-4].split("\r\n")
        pairs = (field.split(": ", 1) for field in fields)
        request = RawRequest(line, {name.lower(): value for name, value in pairs}, b"")
        self.server.requests.append(request)
        return request

    async def read_body(self, request: RawRequest) -> AsyncIterator[bytes]:
        """The body's pieces, whatever its framing."""
        if request.headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                yield (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        else:
            left = int(request.headers.get("content-length", "0"))
            while left:
                piece = await self.reader.read(min(left, 65536))
                if not piece:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(piece)
                yield piece

    async def read(self) -> RawRequest:
        request = await self.read_head()
        async for piece in self.read_body(request):
            request.body += piece
        return request

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"ok", status: int = 200, headers: str = "") -> None:
        await self.send(
            b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), headers.encode(), body)
        )

    def reset(self) -> None:
        """Break off with a TCP reset, not with an orderly end."""
        platform.reset(cast("asyncio.Transport", self.writer.transport))


Script = Callable[[Client], Awaitable[None]]


async def answers(client: Client) -> None:
    """The script of an instance that does what it should: it says its name."""
    while True:
        await client.read()
        await client.answer(client.server.name.encode())


@dataclass
class RawUpstream:
    """Runs `script` for each connection until the script returns or the connection ends; then closes it."""

    script: Script = answers
    name: str = "user-1"
    port: int = 0
    incarnation: int = 1
    connections: int = 0
    open: int = 0
    requests: list[RawRequest] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=1 << 20, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """End as a killed process does: every connection at once, and nobody listens."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def peer(self) -> Peer:
        return Peer(id=self.name, incarnation=self.incarnation, host="127.0.0.1", port=self.port, weight=1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await self.script(Client(reader, writer, self))
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def running(*upstreams: RawUpstream) -> AsyncIterator[None]:
    for upstream in upstreams:
        await upstream.start()
    try:
        yield
    finally:
        for upstream in upstreams:
            await upstream.kill()


def rotation(*upstreams: RawUpstream, revision: int = 1, service: str = "user", reason: str = "") -> Peers:
    """The peers frame that puts these instances in rotation."""
    peers = ServicePeers(peers=[upstream.peer for upstream in upstreams], reason=reason)
    return Peers(revision=revision, services={service: peers})


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something that is on its way has arrived; the test's own timeout bounds it."""
    while not condition():  # noqa: ASYNC110 - what a peer does raises no event here
        await asyncio.sleep(0.005)
