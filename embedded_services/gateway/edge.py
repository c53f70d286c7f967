"""The fast path: connections whose requests are all plain, parsed by httptools and served by one coroutine each.

It serves only what it fully understands (`request_reader`). At the first thing that is not so, and after everything
before it has been answered, it hands the connection for good to the server that understands all of HTTP, with the bytes
that are not served yet. One request at a time: what a client sends ahead waits in a bounded buffer, so answers come in
order. A client that leaves cancels what is done for it. Once a service has switched protocols, the bytes are passed both
ways as they come.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.aiohttp_server import AiohttpConnection, too_large
from embedded_services.gateway.http import NO_BODY, Request, Upgrade
from embedded_services.gateway.patience import Seen, Stage
from embedded_services.gateway.pipeline import SWITCHED, Gateway
from embedded_services.gateway.request_reader import RequestReader
from embedded_services.gateway.response_writer import deliver

AHEAD: Final = 64 * 1024
"""Bytes that a client may send ahead of its answers before reading stops."""


class EdgeConnection(asyncio.Protocol):
    """One client. A `response_writer.Recipient`."""

    is_11 = True

    def __init__(
        self,
        gateway: Gateway,
        tasks: Tasks,
        writes: WriteBatch,
        connections: set["EdgeConnection"],
        other_server: Callable[[], AiohttpConnection],
    ) -> None:
        """`connections` is where the connection is listed while it lasts; `other_server` makes the protocol that
        takes over."""
        self._gateway = gateway
        self._tasks = tasks
        self._writes = writes
        self._connections = connections
        self._other_server = other_server
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._served = 0
        self._late = False
        self._stopping = False
        self._tunnel = False
        self.transport: asyncio.Transport | None = None
        self.head_only = False
        self.keep_alive = True

    # --- serving ---

    async def _serve(self) -> None:
        reader = self._reader
        handle = self._gateway.handle
        try:
            while (request := await self._next()) is not None:
                self.head_only = request.method == "HEAD"
                if reader.upgrade is not None and request.method == "GET":
                    request.upgrade = Upgrade(reader.upgrade, self._incoming())
                if request.body is not NO_BODY and (error := self._too_large(request)) is not None:
                    response = self._gateway.refuse(request, error)
                else:
                    response = await handle(request)
                self._tunnel = response.status == SWITCHED
                self.keep_alive = reader.keep_alive and not self._stopping and not self._tunnel
                self._served += 1
                await deliver(response, self, self._writes)
                if not self.keep_alive:
                    break
            else:
                self._hand_over()
        except ConnectionError:
            pass  # it is recorded with the request; the end of the connection is all there is left to say
        finally:
            if self.transport is not None:
                self.transport.close()

    def _too_large(self, request: Request) -> ApiError | None:
        limit = self._gateway.settings.gateway.body_limit
        length = request.body.length
        return too_large(limit) if length is not None and length > limit else None

    async def _next(self) -> Request | None:
        """The next request; None when there is none that could be served here."""
        reader = self._reader
        while (request := reader.next()) is None:
            if reader.strange or self._late:
                return None
            if self._reading_paused:
                self._resume_reading()
            self._waiter = self._loop.create_future()
            await self._waiter
            self._waiter = None
        return request

    async def _incoming(self) -> AsyncIterator[bytes]:
        """What comes after a switch of protocols."""
        while True:
            if piece := self._reader.take():
                yield piece
            if self._reading_paused:
                self._resume_reading()
            if not self._reader.buffered:
                self._waiter = self._loop.create_future()
                await self._waiter
                self._waiter = None

    def _hand_over(self) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._writes.flush()
        if self._stopping:
            return
        self._connections.discard(self)
        self.transport = None
        successor = self._other_server()
        transport.set_protocol(successor)
        successor.connection_made(transport)
        if self._drained is not None:
            successor.pause_writing()
        if self._reading_paused:
            self._reading_paused = False
            transport.resume_reading()
        successor.data_received(self._reader.rest)
        if self._late and not self._reader.awaits_body:
            successor.expire(Stage.HEAD)

    def stop(self) -> None:
        """Finish the request that is under way, and take no other."""
        self._stopping = True
        if (self._tunnel or self._waiter is not None) and self.transport is not None:
            self.transport.close()

    # --- a `response_writer.Recipient` ---

    @property
    def writing_paused(self) -> bool:
        return self._drained is not None

    async def drain(self) -> None:
        while self._drained is not None:
            await self._drained

    # --- patience ---

    def seen(self) -> Seen:
        transport = self.transport
        if transport is not None and (self._drained is not None or transport.is_closing()):
            return Stage.SENDING, transport.get_write_buffer_size()
        if self._tunnel or self._waiter is None:
            return Stage.SERVED, self._served
        if self._reader.awaits_body:
            return Stage.BODY, self._served
        return Stage.HEAD if self._reader.buffered else Stage.IDLE, self._served

    def expire(self, stage: Stage) -> None:
        if stage in (Stage.HEAD, Stage.BODY):
            self._late = True
            self._wake()
        elif self.transport is not None:
            if stage is Stage.IDLE:
                self.transport.close()
            else:
                self.transport.abort()

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(peer[0] if peer else "", self._gateway.settings.gateway.header_limit)
        self._connections.add(self)
        self._cancel = self._tasks.spawn(self._serve(), "client")

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        self._gateway.received += len(data)
        reader.feed(data)
        if self._waiter is not None:
            self._wake()
        elif reader.buffered > AHEAD and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        self._connections.discard(self)
        self.resume_writing()
        self._cancel()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume_reading(self) -> None:
        self._reading_paused = False
        if self.transport is not None:
            self.transport.resume_reading()
