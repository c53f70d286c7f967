"""Reads the responses of one connection, one at a time: bytes in, status, fields and body out. Does no I/O.

A body is complete only when its own framing says so. What cannot be understood raises `NotHttpError`; a connection that ends
too early is told by `eof`. Interim responses (1xx) are passed over, trailers dropped, and everything that is not body is
bounded by `MAX_HEAD`. After a switch of protocols that was asked for, everything is body.

A long body of an announced length is not parsed: it is counted, and handed out in the pieces in which it came.
"""

from typing import Final

import httptools

MAX_HEAD: Final = 64 * 1024
"""Bytes of a head, and of trailers or chunk extensions between two pieces of body."""

LONG: Final = 64 * 1024
"""Bytes of a body that is worth a parser of its own for the next response."""


class NotHttpError(Exception):
    """What the instance sent is not an HTTP response that was asked for."""


class ResponseReader:
    __slots__ = (
        "_body",
        "_dry",
        "_excess",
        "_head_bytes",
        "_head_only",
        "_interim",
        "_left",
        "_parser",
        "_persistent",
        "_spent",
        "_upgrade",
        "buffered",
        "complete",
        "has_head",
        "headers",
        "status",
        "switched",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._spent = False
        self.expect(head_only=False)

    def expect(self, *, head_only: bool, upgrade: bool = False) -> None:
        """Get ready for the next response. To HEAD none has a body, whatever it announces; after an `upgrade`, 101 is an
        answer."""
        if self._spent:
            self._parser = httptools.HttpResponseParser(self)
            self._spent = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        self.complete = False
        self.buffered = 0
        self._body: list[bytes] = []
        self._head_only = head_only
        self._interim = False
        self._left = 0
        """Bytes of the body that are yet to come and need no parsing."""
        self._upgrade = upgrade
        self.switched = False
        """The connection speaks another protocol now."""
        self._persistent = False
        self._excess = False
        self._head_bytes = 0
        self._dry = 0

    def feed(self, data: bytes) -> None:
        """Take in what came. Raises NotHttpError."""
        if self._left:
            self._count_off(data)
            return
        if self.switched:
            self.on_body(data)
            return
        before = self.buffered
        in_head = not self.has_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as end:
            self._switch(data[end.args[0] :])
        except httptools.HttpParserError as error:
            if not self.complete:
                raise NotHttpError(str(error.__context__ or error)) from None
            self._excess = True
        if in_head:
            self._note_head(len(data))
        elif not self.complete:
            self._dry = 0 if self.buffered > before else self._dry + len(data)
            if self._dry > MAX_HEAD:
                raise NotHttpError(f"it sent more than {MAX_HEAD} bytes of framing and no body")

    def _note_head(self, size: int) -> None:
        """So many bytes came that began before the end of the head."""
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD and self._head_is_too_large():
            raise NotHttpError(f"its head is larger than {MAX_HEAD} bytes")
        if not self.has_head or self.complete or self.switched:
            return
        length = self.length
        if length is not None and length > LONG:
            self._left = length - self.buffered
            self._persistent = self._parser.should_keep_alive()
            self._spent = True

    def _count_off(self, data: bytes) -> None:
        left = self._left
        if len(data) > left:
            self._excess = True
            data = data[:left]
        self._left = left - len(data)
        self._body.append(data)
        self.buffered += len(data)
        self.complete = not self._left

    def _switch(self, rest: bytes) -> None:
        """`rest` is no HTTP any more."""
        if not self._upgrade or self.status != 101:
            raise NotHttpError("it switched protocols, which was not asked for")
        self.switched = self._spent = True
        if rest:
            self.on_body(rest)

    def eof(self) -> bool:
        """The connection has ended. Whether that completes the response."""
        if self.has_head and not self.complete and self.length is None and not self._chunked:
            self.complete = True
            self._persistent = False
        return self.complete

    def piece(self) -> bytes:
        """The oldest of what came and was not taken, as it came; empty if there is nothing."""
        if not self._body:
            return b""
        piece = self._body.pop(0)
        self.buffered -= len(piece)
        return piece

    def take(self) -> bytes:
        """The body that came since the last call."""
        body = self._body
        data = body[0] if len(body) == 1 else b"".join(body)
        self._body = []
        self.buffered = 0
        return data

    def has_news(self) -> bool:
        """There is something to take, or nothing will come any more."""
        return self.buffered > 0 or self.complete

    @property
    def length(self) -> int | None:
        """The size that the head announces for the body; None when it leaves that open."""
        if self._chunked or self.status == 101:
            return None
        value = self._field(b"content-length")
        return None if value is None else int(value)

    @property
    def may_pause(self) -> bool:
        """Whether silence is nothing unusual: events come when there are some, and another protocol has its own rules."""
        return self.switched or (self._field(b"content-type") or b"").lower().startswith(b"text/event-stream")

    @property
    def reusable(self) -> bool:
        """Whether the connection is exactly between two messages, and its other end keeps it open."""
        return self.complete and self._persistent and not self._excess

    @property
    def _chunked(self) -> bool:
        return self._field(b"transfer-encoding") is not None

    def _field(self, wanted: bytes) -> bytes | None:
        for name, value in self.headers:
            if name.lower() == wanted:
                return value
        return None

    def _head_is_too_large(self) -> bool:
        return not self.has_head or sum(len(n) + len(v) + 4 for n, v in self.headers) > MAX_HEAD

    # --- called by the parser ---

    def on_message_begin(self) -> None:
        if self.complete:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        status = self._parser.get_status_code()
        if status < 200 and not (status == 101 and self._upgrade):
            if status < 100:
                raise NotHttpError(f"{status} is not a status")
            self._interim = True
            return
        self.status = status
        self.has_head = True
        if self._head_only:
            self.complete = True
            self._persistent = self._parser.should_keep_alive()
            self._spent = True

    def on_body(self, data: bytes) -> None:
        if self.complete:
            self._excess = True
        else:
            self._body.append(data)
            self.buffered += len(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            self.headers.clear()
        elif self.status == 101:
            pass
        elif not self.complete:
            self.complete = True
            self._persistent = self._parser.should_keep_alive()
