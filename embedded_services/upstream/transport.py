"""One HTTP/1.1 connection to an instance: sends a request, then hands out the response as it comes.

Backpressure both ways: a streamed request body waits while the socket's buffer is full, and reading stops while the
consumer of a response lags. One exchange at a time; `finish` says whether there can be another one.
A response whose announced body is small is waited for whole, so that one that breaks off can still be repeated elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

from embedded_services.common.platform import readable_now
from embedded_services.common.tasks import Tasks
from embedded_services.common.write_batch import WriteBatch
from embedded_services.upstream.deadline import Deadline
from embedded_services.upstream.failures import TryError
from embedded_services.upstream.response_reader import NotHttpError, ResponseReader
from embedded_services.upstream.retries import Fault

WHOLE: Final = 64 * 1024
"""A body of at most so many bytes is waited for."""
LAG: Final = 256 * 1024
"""Bytes that may wait for a slow consumer before reading stops."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_deadline",
        "_drained",
        "_ended",
        "_failure",
        "_heard",
        "_idle",
        "_loop",
        "_on_lost",
        "_reading_paused",
        "_sender",
        "_tasks",
        "_transport",
        "_used",
        "_waiter",
        "_writes",
        "closed",
        "fates",
        "idle_since",
        "reader",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tasks: Tasks,
        writes: WriteBatch,
        on_lost: Callable[["Connection"], None],
    ) -> None:
        """`on_lost` hears when the connection ends between two exchanges; `tasks` owns what sends streamed bodies."""
        self._loop = loop
        self._tasks = tasks
        self._writes = writes
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self.reader = ResponseReader()
        self.closed = False
        self.fates: dict[str, bool] = {}
        """Of each fault that is drawn for connections: whether it strikes this one."""
        self.idle_since = 0.0
        self._deadline = Deadline(loop, self._timed_out)
        self._failure: Exception | None = None
        self._ended: Callable[[Exception | None], None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._sender: asyncio.Task[None] | None = None
        self._idle = True
        self._used = False
        self._heard = False

    # --- an exchange ---

    def begin(
        self, message: bytes, head_only: bool, timeout_s: float, ended: Callable[[Exception | None], None]
    ) -> None:
        """What `exchange` does, for a request that is whole and a caller that is told instead of waiting: `ended(None)` when
        the answer is there, or `ended` with what went wrong, later and once; after `close` never. Raises TryError when the
        request cannot be sent; the connection is closed then."""
        transport = self._transport
        if self.closed or transport is None:
            self.close()
            raise self._failure or TryError(Fault.STALE)
        self._idle = self._heard = False
        self.reader.expect(head_only=head_only)
        self._ended = ended
        self._writes.write(transport, message)
        self._deadline.set(timeout_s)

    async def exchange(
        self,
        head: bytes,
        body: bytes | AsyncIterator[bytes],
        *,
        chunked: bool,
        head_only: bool,
        timeout_s: float,
        upgraded: AsyncIterator[bytes] | None = None,
    ) -> None:
        """Send a request and wait for the head of its response, and for all of a small body; they are in `reader`.

        `timeout_s` bounds the wait for the instance: while a streamed body has nothing to send, time stands still.
        `upgraded` is what is sent, as it comes, once the instance has switched protocols; what it sends is the body then.
        Raises TryError; an error of the body that is to be sent is passed on as it is. After any error, cancellation
        included, the connection is closed.
        """
        self._idle = self._heard = False
        self.reader.expect(head_only=head_only, upgrade=upgraded is not None)
        try:
            if isinstance(body, bytes):
                self._writes.write(self._open_transport(), head + body if body else head)
                self._deadline.set(timeout_s)
            else:
                self._write(head)
                self._start_sending(body, chunked=chunked, timeout_s=timeout_s)
            while not self._answered():
                await self._news()
            if upgraded is not None and self.reader.switched:
                self._start_sending(upgraded, chunked=False, timeout_s=timeout_s)
        except BaseException:
            self.close()
            raise
        self._deadline.clear()

    async def more(self, timeout_s: float) -> bytes:
        """The next piece of the body; empty when it is complete. Raises as `exchange` does. It may take `timeout_s`, unless
        pauses are in the nature of the body."""
        if not self.reader.has_news():
            if not self.reader.may_pause:
                self._deadline.set(timeout_s)
            try:
                while not self.reader.has_news():
                    await self._news()
            except BaseException:
                self.close()
                raise
            self._deadline.clear()
        piece = self.reader.piece()
        if self.reader.buffered < LAG:
            self._resume_reading()
        return piece

    def finish(self, now: float) -> bool:
        """End the exchange. Whether the connection can be used for another one; it is closed if not."""
        if self.closed or not self.reader.reusable or self._sending() or self._drained is not None:
            self.close()
            return False
        self._resume_reading()
        self._sender = None
        self._idle = self._used = True
        self.idle_since = now
        return True

    def close(self) -> None:
        """Give the connection up, at once."""
        self.closed = True
        self._ended = None
        self._deadline.close()
        if self._sender is not None:
            self._sender.cancel()
        if self._transport is not None:
            self._transport.abort()

    def seems_dead(self) -> bool:
        """Ask the operating system whether the other end has closed: it knows before the event loop does. An idle
        connection has nothing to say, so that anything readable means that it cannot be used."""
        if self.closed or self._transport is None:
            return True
        return readable_now(self._transport.get_extra_info("socket").fileno())

    def _answered(self) -> bool:
        reader = self.reader
        if reader.complete:
            return True
        if not reader.has_head:
            return False
        length = reader.length
        return length is None or length > WHOLE

    def _open_transport(self) -> asyncio.Transport:
        if self.closed or self._transport is None:
            raise self._failure or TryError(Fault.STALE)
        return self._transport

    def _write(self, data: bytes) -> None:
        self._open_transport().write(data)

    # --- sending a streamed body ---

    def _start_sending(self, body: AsyncIterator[bytes], *, chunked: bool, timeout_s: float) -> None:
        self._sender = self._tasks.start(self._send(body, chunked, timeout_s), "request body")
        self._sender.add_done_callback(self._sent)

    async def _send(self, body: AsyncIterator[bytes], chunked: bool, timeout_s: float) -> None:
        async for piece in body:
            self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if self._drained is not None:
                if not self.reader.has_head:
                    self._deadline.set(timeout_s)
                await self._drained
                if not self.reader.has_head:
                    self._deadline.clear()
        if chunked:
            self._write(b"0\r\n\r\n")
        if not self.reader.has_head and not self.closed:
            self._deadline.set(timeout_s)

    def _sent(self, sender: asyncio.Task[None]) -> None:
        if not sender.cancelled() and (error := sender.exception()) is not None:
            self._fail(cast("Exception", error))

    def _sending(self) -> bool:
        return self._sender is not None and not self._sender.done()

    # --- waiting ---

    async def _news(self) -> None:
        """Wait until something came. Raises what went wrong."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        """There is news for whoever waits, or is to be told."""
        ended = self._ended
        if ended is None:
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)
        elif self._answered():
            self._ended = None
            self._deadline.clear()
            ended(None)

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        ended = self._ended
        self.close()
        if ended is not None:
            ended(self._failure)
        else:
            self._wake()

    def _timed_out(self) -> None:
        self._fail(TryError(Fault.TIMEOUT))

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._idle or self.closed:
            self.close()
            return
        self._heard = True
        reader = self.reader
        try:
            reader.feed(data)
        except NotHttpError as error:
            self._fail(TryError(Fault.GARBAGE, str(error)))
            return
        if reader.buffered >= LAG and not reader.complete and not self._reading_paused:
            self._reading_paused = True
            if self._transport is not None:
                self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._deadline.close()
        self.resume_writing()
        if self._idle:
            self.closed = True
            self._on_lost(self)
        elif self.reader.complete or (error is None and not self.closed and self.reader.eof()):
            self.closed = True
            self._wake()
        else:
            self._fail(TryError(Fault.STALE if self._used and not self._heard else Fault.BROKEN))

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
