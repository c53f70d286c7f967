"""Reads the plain requests of one connection: bytes in, requests out. Does no I/O.

Plain is what nobody could read in another way: HTTP/1.1 with a known method and an origin-form target, every line ended
by CRLF, one Host, and no body or one of a small announced length. At anything else the reader stops, for good:
`strange` is set, and `rest` is what a more patient server has to read from the start.

Clients mostly send the same fields with every request of a connection. So the fields of the last request are kept, and
when the same bytes follow another request line, they are not read again; nor is a request line that is the last one's.
"""

import re
from typing import Final

import httptools

from embedded_services.gateway.framing import framing_fault, is_host
from embedded_services.gateway.http import Headers, Request, WholeBody
from embedded_services.gateway.memo import Memo
from embedded_services.upstream.messages import METHODS, Pairs

SMALL: Final = 64 * 1024
"""Bytes of a body that is waited for whole."""
MAX_FIELDS: Final = 128
"""As many as aiohttp puts up with."""
KEPT: Final = 4096
"""Bytes of fields that are kept for the next request."""

_METHODS: Final = {method.encode(): method for method in METHODS}
_REQUEST_LINE: Final = re.compile(rb"([A-Z]+) (/[!-~]*) HTTP/1\.1")
_PROTOCOL: Final = re.compile(rb"[A-Za-z0-9._+-]{1,40}(?:/[A-Za-z0-9._+-]{1,40})?")
_FIELDS_END: Final = b"\r\n\r\n"

_Line = tuple[str, str, str, str]
"""Method, target, path and query."""


def _read_line(line: bytes) -> _Line | None:
    """A request line; None if it is strange."""
    found = _REQUEST_LINE.fullmatch(line)
    method = _METHODS.get(found[1]) if found is not None else None
    if found is None or method is None:
        return None
    target = found[2].decode("ascii")
    path, _, query = target.partition("?")
    return method, target, path, query


def _options(connection: bytes) -> frozenset[bytes]:
    return frozenset(option.strip() for option in connection.lower().split(b","))


_connection: Final = Memo(_options)


class _Fields:
    """The fields of a head, read: what they say of the message besides what they are."""

    __slots__ = ("block", "headers", "keep_alive", "length", "upgrade")

    def __init__(self, block: bytes, headers: Headers) -> None:
        """`block` is where they were read, with the line that ends it."""
        self.block = block
        self.headers = headers
        self.length = int(headers.get(b"content-length") or 0)
        options = headers.get(b"connection")
        self.keep_alive = options is None or b"close" not in _connection[options]
        self.upgrade: bytes | None = None


class RequestReader:
    __slots__ = (
        "_awaited",
        "_fields",
        "_line",
        "_pairs",
        "_parser",
        "_text",
        "client",
        "head_limit",
        "keep_alive",
        "rest",
        "strange",
        "upgrade",
    )

    def __init__(self, client: str, head_limit: int) -> None:
        """`client` is the address at the other end; `head_limit` is bytes."""
        self._parser = httptools.HttpRequestParser(self)
        self.rest = b""
        """All that was fed and is not part of a request that was handed out."""
        self._pairs: Pairs = []
        self._fields: _Fields | None = None
        self._text = b""
        self._line: _Line = ("", "", "", "")
        self._awaited = 0
        self.client = client
        self.head_limit = head_limit
        self.keep_alive = True
        """Whether the client of the last request wants to go on with the connection."""
        self.upgrade: bytes | None = None
        """The protocol that the last request asks for."""
        self.strange = False

    @property
    def awaits_body(self) -> bool:
        """Whether a head has been read whose body is not all there."""
        return self._awaited > 0

    def take(self) -> bytes:
        """All that was fed and is not part of a request, which it will never become then."""
        data, self.rest = self.rest, b""
        return data

    def feed(self, data: bytes) -> None:
        self.rest = self.rest + data if self.rest else data

    def next(self) -> Request | None:
        """The next request, if it is all there. None also when it is strange."""
        data = self.rest
        if not data or len(data) < self._awaited or self.strange:
            return None
        end = data.find(_FIELDS_END) + 4
        if end < 4:
            self.strange = len(data) > self.head_limit or not _may_become_a_head(data)
            return None
        start = data.find(b"\r\n") + 2
        if end > self.head_limit or not self._is_line(data[: start - 2]):
            self.strange = True
            return None
        fields: _Fields | None = self._fields
        if fields is None or data[start:end] != fields.block:
            fields = self._read(data, start, end)
            if fields is None:
                self.strange = True
                return None
        after = end + fields.length
        if len(data) < after:
            self._awaited = after
            return None
        self._awaited = 0
        self.rest = data[after:]
        self.keep_alive = fields.keep_alive
        method, target, path, query = self._line
        request = Request(method, target, path, query, fields.headers, self.client)
        if fields.length:
            request.body = WholeBody(data[end:after])
        self.upgrade = fields.upgrade
        return request

    def _is_line(self, text: bytes) -> bool:
        """Whether it is a request line that can be served here; it is in `_line` then."""
        if text == self._text:
            return True
        line = _read_line(text)
        if line is None:
            return False
        self._text, self._line = text, line
        return True

    def _read(self, data: bytes, start: int, end: int) -> _Fields | None:
        """The fields of a head; None if they are strange. The parser tells them apart; that there is nothing which it
        only puts up with is seen here."""
        pairs: Pairs = []
        self._pairs = pairs
        block = data[start:end]
        upgrade = False
        try:
            self._parser.feed_data(b"GET / HTTP/1.1\r\n" + block)
        except httptools.HttpParserUpgrade:
            upgrade = True
        except httptools.HttpParserError:
            return None
        lines = len(pairs) + 1
        if (
            lines > MAX_FIELDS
            or block.count(b"\n") != lines
            or block.count(b"\r") != lines
            or b" \r" in block
            or b"\t\r" in block
        ):
            return None
        headers = Headers(pairs)
        if not _is_plain(headers):
            return None
        fields = _Fields(block, headers)
        if fields.length > SMALL or (upgrade and fields.length):
            return None
        if upgrade:
            fields.upgrade = _protocol(headers)
        if fields.length or upgrade or not fields.keep_alive:
            self._parser = httptools.HttpRequestParser(self)  # it would read on in what follows
        if end - start <= KEPT:
            self._fields = fields
        return fields

    # --- called by the parser ---

    def on_header(self, name: bytes, value: bytes) -> None:
        self._pairs.append((name, value))


def _is_plain(headers: Headers) -> bool:
    get = headers.get
    if get(b"transfer-encoding") is not None or get(b"expect") is not None:
        return False
    if headers.repeats:
        return framing_fault(headers) is None and len(headers.all(b"connection")) < 2
    host, length = get(b"host"), get(b"content-length")
    if host is None or not is_host[host]:
        return False
    return length is None or (length.isdigit() and len(length) <= 6)


def _protocol(headers: Headers) -> bytes | None:
    """What may be switched to. Not to HTTP itself: requests would come that nobody looks at."""
    protocols = headers.all(b"upgrade")
    if len(protocols) != 1 or _PROTOCOL.fullmatch(protocols[0]) is None:
        return None
    return None if protocols[0].lower().startswith((b"h2", b"h3", b"http", b"tls")) else protocols[0]


def _may_become_a_head(data: bytes) -> bool:
    """Whether it is worth waiting for the rest of it."""
    breaks = data.count(b"\r\n")
    return (
        data[:1].isalpha() and data.count(b"\n") == breaks and data.count(b"\r", 0, len(data) - 1) == breaks
    )
