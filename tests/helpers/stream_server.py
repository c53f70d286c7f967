"""Plays the control plane's end of `/v1/stream` on a real socket, as a test tells it to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

TOKEN = "stream-token"


class Peer:
    """One connected client. What it sent is read in order; the connection stays until `close` or the server's end."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def heard(self) -> Any:
        return await self._heard.get()

    async def send(self, frame: msgspec.Struct | bytes) -> None:
        raw = frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
        await self._socket.send_str(raw.decode())

    async def close(self) -> None:
        await self._socket.close()

    async def listen(self) -> None:
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                self._heard.put_nowait(msgspec.json.decode(message.data))
        self.gone.set()


class StreamServer:
    def __init__(self) -> None:
        self.url = ""
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.answers_pings = True

    async def accepted(self) -> Peer:
        return await self._peers.get()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": {"code": "INVALID_TOKEN", "message": "no"}}, status=403)
        socket = web.WebSocketResponse(autoping=self.answers_pings, timeout=0.1)
        await socket.prepare(request)
        peer = Peer(socket)
        self._peers.put_nowait(peer)
        await peer.listen()
        return socket


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    server = StreamServer()
    app = web.Application()
    app.router.add_get("/v1/stream", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
