"""Writes a response of ours to the client: framing, keep-alive, and how a body that breaks off is told.

A body is complete for the client only if it was complete for us. One that breaks off ends the connection in a way that
no client can mistake for the end of the body.
"""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http import HttpVersion11

from embedded_services.gateway.http import Response
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import BodyStream

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_NEVER_A_BODY: Final = frozenset({204, 304})


class Answer:
    """What aiohttp's protocol asks of a response: `prepare`, `write_eof` and `keep_alive`, and no more."""

    __slots__ = ("_raw", "_response", "keep_alive")

    def __init__(self, raw: web.BaseRequest, response: Response, *, last: bool = False) -> None:
        """`last`: the connection ends after this answer, whatever the client asked for."""
        self._raw = raw
        self._response = response
        self.keep_alive = not last and raw.keep_alive and raw.content.is_eof()

    async def prepare(self, _: web.BaseRequest) -> None:
        """Head and body go together in `write_eof`."""

    async def write_eof(self, _: bytes = b"") -> None:
        """Raises ConnectionError when the client is gone or must be told by the end of the connection."""
        note = "the client left"
        try:
            await self._write()
            note = ""
        except UpstreamError as error:
            note = error.message
            raise ConnectionResetError(note) from error
        finally:
            if not isinstance(self._response.body, bytes):
                self._response.body.close()
            if self._response.finished is not None:
                self._response.finished(note)

    async def _write(self) -> None:
        response, raw = self._response, self._raw
        body, length = response.body, response.length
        is_11 = raw.version >= HttpVersion11
        silent = raw.method == "HEAD" or response.status in _NEVER_A_BODY
        if length is None and isinstance(body, bytes):
            length = len(body)
        head = self._head(length, is_11)
        if isinstance(body, bytes):
            await raw.writer.write(head if silent else head + body)
            return
        await raw.writer.write(head)
        if not silent:
            await self._stream(body, chunked=length is None and is_11, framed=length is not None or is_11)

    def _head(self, length: int | None, is_11: bool) -> bytes:
        """Status line and fields. A length that HTTP/1.0 cannot tell is told by the end of the connection."""
        response = self._response
        parts = [_STATUS_LINES.get(response.status) or b"HTTP/1.1 %d \r\n" % response.status]
        for name, value in response.headers:
            parts += (name, b": ", value, b"\r\n")
        if response.status not in _NEVER_A_BODY:
            if length is not None:
                parts.append(b"Content-Length: %d\r\n" % length)
            elif is_11:
                parts.append(b"Transfer-Encoding: chunked\r\n")
            else:
                self.keep_alive = False
        if not self.keep_alive:
            parts.append(b"Connection: close\r\n")
        elif not is_11:
            parts.append(b"Connection: keep-alive\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    async def _stream(self, body: BodyStream, *, chunked: bool, framed: bool) -> None:
        write = self._raw.writer.write
        try:
            async for piece in body:
                await write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        except (UpstreamError, asyncio.CancelledError):
            if not framed and self._raw.transport is not None:
                self._raw.transport.abort()  # an orderly end would say that this was all
            raise
        if chunked:
            await write(b"0\r\n\r\n")
