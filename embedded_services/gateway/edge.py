"""The fast path: connections whose requests are all plain, and are mostly served by callbacks alone.

It serves only what it fully understands (`request_reader`). At the first thing that is not so, and after everything
before it has been answered, it hands the connection for good to the server that understands all of HTTP, with the bytes
that are not served yet. One request at a time: what a client sends ahead waits in a bounded buffer, so answers come in
order. A client that leaves cancels what is done for it. Once a service has switched protocols, the bytes are passed both
ways as they come.

A request whose answer takes nothing but one instance's, and that is small, needs no task: what comes from the client calls
the instance, and what comes from there answers the client. Everything else, streams among it, has a task of its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import Route
from embedded_services.gateway.aiohttp_server import AiohttpConnection, too_large
from embedded_services.gateway.exchange import Exchange
from embedded_services.gateway.http import NO_BODY, Request, Response, Upgrade
from embedded_services.gateway.patience import Seen, Stage
from embedded_services.gateway.pipeline import SWITCHED, Gateway
from embedded_services.gateway.request_reader import RequestReader
from embedded_services.gateway.response_writer import abandon, deliver, deliver_whole
from embedded_services.upstream.direct import DirectCall, Outcome

AHEAD: Final = 64 * 1024
"""Bytes that a client may send ahead of its answers before reading stops."""

_Work = Route | Response
"""The way a request goes on by, or an answer that is streamed."""


log = logging.getLogger(__name__)


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
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._served = 0
        self._late = False
        self._stopping = False
        self._tunnel = False
        self._busy = False
        """It is the gateway's turn, or there will be no other."""
        self._exchange: Exchange | None = None
        """What is under way for which no task has taken the responsibility."""
        self._call: DirectCall | None = None
        self._work: _Work | None = None
        """What a task is about to begin with."""
        self._cancel: Callable[[], None] | None = None
        self.transport: asyncio.Transport | None = None
        self.head_only = False
        self.keep_alive = True

    # --- serving ---

    def _serve(self) -> None:
        """Answer what has come, as far as that takes no waiting; what takes some goes on by itself, and comes back here."""
        reader, gateway = self._reader, self._gateway
        while not self._busy and self._drained is None:
            request = reader.next()
            if request is None:
                if reader.strange or self._late:
                    self._hand_over()
                elif self._reading_paused:
                    self._resume_reading()
                return
            self._busy = True
            self.head_only = request.method == "HEAD"
            if reader.upgrade is not None and request.method == "GET":
                request.upgrade = Upgrade(reader.upgrade, self._incoming())
            if request.body is not NO_BODY and (error := self._too_large(request)) is not None:
                self._answer(gateway.refuse(request, error))
                continue
            exchange = gateway.begin(request)
            way = gateway.decide(exchange)
            if isinstance(way, Response):
                self._answer(way)
                continue
            self._exchange = exchange
            call = gateway.start(exchange, way, self._told)
            if call is None:
                self._spawn(way)
            elif isinstance(call, Response):
                self._answer(call)
            else:
                self._call = call

    def _told(self, outcome: Outcome) -> None:
        """What became of the call."""
        self._call = None
        try:
            self._answer(self._gateway.answer(cast("Exchange", self._exchange), outcome))
            if not self._busy and (self._reader.rest or self._reading_paused):
                self._serve()
        except Exception:
            # Whoever tells is the connection to an instance, which is not to blame.
            log.exception("the connection to a client failed")
            if self.transport is not None:
                self.transport.abort()

    def _answer(self, response: Response) -> None:
        body = response.body
        if not isinstance(body, bytes):
            self._spawn(response)
            return
        self._exchange = None
        self.keep_alive = self._reader.keep_alive and not self._stopping
        self._served += 1
        try:
            deliver_whole(response, body, self, self._writes)
        except ConnectionResetError:
            return  # the end of the connection is on its way
        if self.keep_alive:
            self._busy = False
        else:
            self._end_answer()

    def _begin_answer(self, response: Response) -> None:
        self._tunnel = response.status == SWITCHED
        self.keep_alive = self._reader.keep_alive and not self._stopping and not self._tunnel
        self._served += 1

    def _end_answer(self) -> None:
        if self.keep_alive:
            self._busy = False
        elif self.transport is not None:
            self.transport.close()

    def _spawn(self, work: _Work) -> None:
        self._work = work
        self._cancel = self._tasks.spawn(self._carry_out(work), "client")

    async def _carry_out(self, work: _Work) -> None:
        """What takes waiting: get the answer if it is not there, and hand it on as the client takes it."""
        self._work = None
        exchange, self._exchange = cast("Exchange", self._exchange), None
        try:
            response = work if isinstance(work, Response) else await self._gateway.carry_out(exchange, work)
            self._begin_answer(response)
            await deliver(response, self, self._writes)
        except BaseException as error:
            self.keep_alive = False
            if not isinstance(error, ConnectionError):
                raise
            # It is recorded with the request; the end of the connection is all there is left to say.
        finally:
            self._end_answer()
        if not self._busy:
            self._serve()

    def _abandon(self) -> None:
        """The client has left: end what is done for it."""
        exchange, self._exchange = self._exchange, None
        if isinstance(self._work, Response):
            abandon(self._work)
        elif exchange is not None:
            if self._call is not None:
                self._call.cancel()
            self._gateway.left(exchange)
        if self._cancel is not None:
            self._cancel()

    def _too_large(self, request: Request) -> ApiError | None:
        limit = self._gateway.settings.gateway.body_limit
        length = request.body.length
        return too_large(limit) if length is not None and length > limit else None

    async def _incoming(self) -> AsyncIterator[bytes]:
        """What comes after a switch of protocols."""
        while True:
            if piece := self._reader.take():
                yield piece
            if self._reading_paused:
                self._resume_reading()
            if not self._reader.rest:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                self._waiter = None

    def _hand_over(self) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._writes.flush()
        if self._stopping:
            transport.close()
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
        if (self._tunnel or not self._busy) and self.transport is not None:
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
        if self._tunnel or self._busy:
            return Stage.SERVED, self._served
        if self._reader.awaits_body:
            return Stage.BODY, self._served
        return Stage.HEAD if self._reader.rest else Stage.IDLE, self._served

    def expire(self, stage: Stage) -> None:
        if stage in (Stage.HEAD, Stage.BODY):
            self._late = True
            self._hand_over()
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

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        self._gateway.received += len(data)
        reader.feed(data)
        if not self._busy:
            self._serve()
        elif self._waiter is not None:
            if not self._waiter.done():
                self._waiter.set_result(None)
        elif len(reader.rest) > AHEAD and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        self._connections.discard(self)
        self.resume_writing()
        self._abandon()

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
        if not self._busy and self.transport is not None:
            self._serve()

    def _resume_reading(self) -> None:
        self._reading_paused = False
        if self.transport is not None:
            self.transport.resume_reading()
