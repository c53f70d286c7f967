"""Writes a response of ours to the client: framing, keep-alive, and how a body that breaks off is told.

A body is complete for the client only if it was complete for us. One that breaks off ends the connection in a way that
no client can mistake for the end of the body.
"""

import asyncio
from http import HTTPStatus
from typing import Final, Protocol

from embedded_services.common.platform import reset
from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.http import ClientLeftError, Response
from embedded_services.upstream.messages import BodyStream

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus
}
_NEVER_A_BODY: Final = frozenset({204, 304})
_SWITCHED: Final = 101


class Recipient(Protocol):
    """The client, as far as writing to it goes."""

    head_only: bool
    """It asked with HEAD."""
    is_11: bool
    """It speaks HTTP/1.1."""
    keep_alive: bool
    """Whether the connection goes on after the response; cleared when only its end can tell where the body ends."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once the client is gone."""
        ...

    @property
    def writing_paused(self) -> bool: ...

    async def drain(self) -> None:
        """Wait until the client takes more."""
        ...


def deliver_whole(response: Response, body: bytes, recipient: Recipient, writes: WriteBatch) -> None:
    """`deliver` for a response whose `body` is all here, without waiting until the client takes it."""
    note = "the client left"
    try:
        _write_whole(response, body, recipient, writes)
        note = ""
    finally:
        if response.finished is not None:
            response.finished(note)


async def deliver(response: Response, recipient: Recipient, writes: WriteBatch) -> None:
    """Hand the whole response to the network, and tell it that it is done with. Raises ConnectionError when the client is
    gone or must be told by the end of the connection."""
    body = response.body
    note = "" if response.status == _SWITCHED else "the client left"
    try:
        if isinstance(body, bytes):
            _write_whole(response, body, recipient, writes)
            if recipient.writing_paused:
                await recipient.drain()
        else:
            writes.flush()
            await _write_stream(response, body, recipient, writes)
        note = ""
    except ApiError as error:  # of the instance, or of the client's own body that is still coming
        note = error.message
        raise ConnectionResetError(note) from error
    except ClientLeftError as error:
        raise ConnectionResetError(note) from error
    finally:
        if not isinstance(body, bytes):
            body.close()
        if response.finished is not None:
            response.finished(note)


def abandon(response: Response) -> None:
    """Nobody is there to deliver it to."""
    if not isinstance(response.body, bytes):
        response.body.close()
    if response.finished is not None:
        response.finished("the client left")


def _write_whole(response: Response, body: bytes, recipient: Recipient, writes: WriteBatch) -> None:
    length = response.length
    message = _head(response, len(body) if length is None else length, recipient)
    if body and not (recipient.head_only or response.status in _NEVER_A_BODY):
        message += body
    transport = recipient.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client left")
    if recipient.keep_alive:
        writes.write(transport, message)
    else:
        writes.flush()
        writes.sent += len(message)
        transport.write(message)  # at once: the end of the connection would overtake a batch


async def _write_stream(
    response: Response, body: BodyStream, recipient: Recipient, writes: WriteBatch
) -> None:
    length = response.length
    _open(recipient).write(_head(response, length, recipient))
    if _is_silent(response, recipient):
        return
    chunked = length is None and recipient.is_11 and response.status != _SWITCHED
    try:
        async for piece in body:
            writes.sent += len(piece)
            _open(recipient).write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if recipient.writing_paused:
                await recipient.drain()
    except (ApiError, ClientLeftError, asyncio.CancelledError):
        if length is None and not recipient.is_11 and recipient.transport is not None:
            reset(recipient.transport)  # an orderly end would say that this was all
        raise
    if chunked:
        _open(recipient).write(b"0\r\n\r\n")


def _open(recipient: Recipient) -> asyncio.Transport:
    transport = recipient.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client left")
    return transport


def _is_silent(response: Response, recipient: Recipient) -> bool:
    """Whether the head is all there is to send."""
    return recipient.head_only or response.status in _NEVER_A_BODY


def _head(response: Response, length: int | None, recipient: Recipient) -> bytes:
    """Status line and fields. A length that HTTP/1.0 cannot tell is told by the end of the connection."""
    status = response.status
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status, *map(b": ".join, response.headers)]
    framing = b""
    if status == _SWITCHED:
        framing = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % response.upgrade
    else:
        if status not in _NEVER_A_BODY and not (length is None and recipient.head_only):
            if length is not None:
                framing = b"Content-Length: %d\r\n" % length
            elif recipient.is_11:
                framing = b"Transfer-Encoding: chunked\r\n"
            else:
                recipient.keep_alive = False
        if not recipient.keep_alive:
            framing += b"Connection: close\r\n"
        elif not recipient.is_11:
            framing += b"Connection: keep-alive\r\n"
    return b"".join((b"\r\n".join(lines), b"\r\n", response.block, framing, b"\r\n"))
