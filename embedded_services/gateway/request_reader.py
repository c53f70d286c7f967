"""Reads the plain requests of one connection: bytes in, requests out. Does no I/O.

Plain is what nobody could read in another way: HTTP/1.1 with a known method and an origin-form target, every line ended
by CRLF, one Host, and no body or one of a small announced length. At anything else the reader stops, for good:
`strange` is set, and `rest` is what a more patient server has to read from the start.
"""

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

_METHODS: Final = {method.encode(): method for method in METHODS}
_HEAD_END: Final = b"\r\n\r\n"


def _options(connection: bytes) -> frozenset[bytes]:
    return frozenset(option.strip() for option in connection.lower().split(b","))


_connection: Final = Memo(_options)


class RequestReader:
    __slots__ = (
        "_data",
        "_length",
        "_pairs",
        "_parser",
        "_request",
        "_url",
        "client",
        "head_limit",
        "keep_alive",
        "strange",
    )

    def __init__(self, client: str, head_limit: int) -> None:
        """`client` is the address at the other end; `head_limit` is bytes."""
        self._parser = httptools.HttpRequestParser(self)
        self._data = b""
        self._url = b""
        self._pairs: Pairs = []
        self._request: Request | None = None
        self._length = 0
        self.client = client
        self.head_limit = head_limit
        self.keep_alive = True
        """Whether the client of the last request wants to go on with the connection."""
        self.strange = False

    @property
    def buffered(self) -> int:
        """Bytes that are no request yet."""
        return len(self._data)

    @property
    def rest(self) -> bytes:
        """All that was fed and is not part of a request that was handed out."""
        return self._data

    @property
    def awaits_body(self) -> bool:
        """Whether a head has been read whose body is not all there."""
        return self._request is not None

    def feed(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data

    def next(self) -> Request | None:
        """The next request, if it is all there. None also when it is strange."""
        request = self._request
        if request is not None:
            return self._with_body(request, self._data.find(_HEAD_END) + 4)
        if self.strange or not self._data:
            return None
        data = self._data
        end = data.find(_HEAD_END) + 4
        if end < 4:
            self.strange = len(data) > self.head_limit or not _may_become_a_head(data)
            return None
        head = data if end == len(data) else data[:end]
        if end > self.head_limit or (request := self._read(head)) is None:
            self.strange = True
            return None
        if self._length:
            return self._with_body(request, end)
        self._data = b"" if end == len(data) else data[end:]
        return request

    def _with_body(self, request: Request, start: int) -> Request | None:
        end = start + self._length
        if len(self._data) < end:
            self._request = request
            return None
        body = self._data[start:end]
        self._parser.feed_data(body)
        request.body = WholeBody(body)
        self._data = self._data[end:]
        self._request = None
        return request

    def _read(self, head: bytes) -> Request | None:
        """The request of a head, yet without its body; None if it is strange. The parser tells lines and fields apart;
        that there is nothing which it only puts up with is seen here."""
        pairs: Pairs = []
        self._pairs = pairs
        upgrade = False
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            upgrade = True
        except httptools.HttpParserError:
            return None
        method = _METHODS.get(self._parser.get_method())
        url = self._url
        lines = len(pairs) + 2
        if (
            method is None
            or lines > MAX_FIELDS
            or not head.startswith(b"%b %b HTTP/1.1\r\n" % (method.encode(), url))
            or url[:1] != b"/"
            or not url.isascii()
            or head.count(b"\n") != lines
            or head.count(b"\r") != lines
            or b" \r" in head
            or b"\t\r" in head
        ):
            return None
        headers = Headers(pairs)
        if not self._is_plain(headers):
            return None
        target = url.decode("ascii")
        path, _, query = target.partition("?")
        request = Request(method, target, path, query, headers, self.client)
        if upgrade:
            if method != "GET" or self._length:
                return None
            request.upgrade = headers.get(b"upgrade")
        return request

    def _is_plain(self, headers: Headers) -> bool:
        """Looks at the fields, and keeps what they say of the body and of the connection."""
        get = headers.get
        if get(b"transfer-encoding") is not None or get(b"expect") is not None:
            return False
        if headers.repeats:
            if framing_fault(headers) is not None or len(headers.all(b"connection")) > 1:
                return False
        elif (host := get(b"host")) is None or not is_host[host]:
            return False
        length = get(b"content-length")
        if length is None:
            self._length = 0
        elif not length.isdigit() or len(length) > 5 or (number := int(length)) > SMALL:
            return False
        else:
            self._length = number
        options = get(b"connection")
        self.keep_alive = options is None or b"close" not in _connection[options]
        return True

    # --- called by the parser ---

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._pairs.append((name, value))


def _may_become_a_head(data: bytes) -> bool:
    """Whether it is worth waiting for the rest of it."""
    return data[:1].isalpha() and data.count(b"\n") == data.count(b"\r\n")
