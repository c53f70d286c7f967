"""Writes a response of ours to the client: framing, keep-alive, and how a body that breaks off is told.

A body is complete for the client only if it was complete for us. One that breaks off ends the connection in a way that
no client can mistake for the end of the body.
"""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion11

from embedded_services.common.platform import reset
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.http import ClientLeftError, Response
from embedded_services.upstream.messages import BodyStream

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus
}
_NEVER_A_BODY: Final = frozenset({204, 304})


class Answer:
    """What aiohttp's protocol asks of a response: `prepare`, `write_eof` and `keep_alive`, and no more."""

    __slots__ = ("_raw", "_response", "_writes", "keep_alive")

    def __init__(
        self, raw: web.BaseRequest, response: Response, writes: WriteBatch, *, last: bool = False
    ) -> None:
        """`last`: the connection ends after this answer, whatever the client asked for."""
        self._writes = writes
        self._raw = raw
        self._response = response
        self.keep_alive = not last and raw.keep_alive and raw.content.is_eof()

    async def prepare(self, _: web.BaseRequest) -> None:
        """Head and body go together in `write_eof`."""

    async def write_eof(self, _: bytes = b"") -> None:
        """Raises ConnectionError when the client is gone or must be told by the end of the connection."""
        response = self._response
        note = "the client left"
        try:
            if isinstance(response.body, bytes):
                await self._write_whole(response.body)
            else:
                await self._write_stream(response.body)
            note = ""
        except ApiError as error:  # of the instance, or of the client's own body that is still coming
            note = error.message
            raise ConnectionResetError(note) from error
        except ClientLeftError as error:
            raise ConnectionResetError(note) from error
        finally:
            if not isinstance(response.body, bytes):
                response.body.close()
            if response.finished is not None:
                response.finished(note)

    async def _write_whole(self, body: bytes) -> None:
        length = self._response.length
        head = self._head(len(body) if length is None else length)
        message = head if self._silent else head + body
        if self.keep_alive:
            self._writes.write(self._open_transport(), message)
        else:
            self._writes.flush()
            self._send(message)  # at once: the end of the connection would overtake a batch
        if self._raw.protocol.writing_paused:
            await self._raw.writer.drain()

    async def _write_stream(self, body: BodyStream) -> None:
        raw, length = self._raw, self._response.length
        self._writes.flush()
        self._send(self._head(length))
        if self._silent:
            return
        is_11 = raw.version >= HttpVersion11
        chunked = length is None and is_11
        try:
            async for piece in body:
                self._send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if raw.protocol.writing_paused:
                    await raw.writer.drain()
        except (ApiError, ClientLeftError, asyncio.CancelledError):
            if length is None and not is_11 and raw.transport is not None:
                reset(raw.transport)  # an orderly end would say that this was all
            raise
        if chunked:
            self._send(b"0\r\n\r\n")

    def _open_transport(self) -> asyncio.Transport:
        transport = self._raw.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        return transport

    def _send(self, data: bytes) -> None:
        self._open_transport().write(data)

    @property
    def _silent(self) -> bool:
        """Whether the head is all there is to send."""
        return self._raw.method == "HEAD" or self._response.status in _NEVER_A_BODY

    def _head(self, length: int | None) -> bytes:
        """Status line and fields. A length that HTTP/1.0 cannot tell is told by the end of the connection."""
        response = self._response
        is_11 = self._raw.version >= HttpVersion11
        lines = [
            _STATUS_LINES.get(response.status) or b"HTTP/1.1 %d " % response.status,
            *map(b": ".join, response.headers),
        ]
        if response.status not in _NEVER_A_BODY:
            if length is not None:
                lines.append(b"Content-Length: %d" % length)
            elif is_11:
                lines.append(b"Transfer-Encoding: chunked")
            else:
                self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"Connection: close")
        elif not is_11:
            lines.append(b"Connection: keep-alive")
        return b"\r\n".join((*lines, b"", b""))
