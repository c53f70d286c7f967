"""A request and a response as the gateway's decisions see them, whatever server parsed the bytes.

Nothing here does I/O but the body, and that through one small protocol.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from embedded_services.gateway.memo import Memo
from embedded_services.upstream.messages import BodyStream, Pairs

JSON: Final = (b"Content-Type", b"application/json")


_lower: Final = Memo(bytes.lower)


class Headers:
    """The fields of a request in the order they came, with the spelling they had. Looked up in lower case."""

    __slots__ = ("_first", "derived", "get", "pairs")

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self.pairs = pairs
        self.derived: bytes | None = None
        """What `headers.client_block` made of them: the requests of a client mostly share their fields."""
        self._first = {_lower[name]: value for name, value in reversed(pairs)}
        self.get: Callable[[bytes], bytes | None] = self._first.get
        """The value of a field, the first one if there are several; its name is given in lower case."""

    @property
    def repeats(self) -> bool:
        """Whether any field is there more than once."""
        return len(self._first) != len(self.pairs)

    def all(self, name: bytes) -> list[bytes]:
        return [value for spelled, value in self.pairs if _lower[spelled] == name]


class ClientLeftError(Exception):
    """The client is gone; nobody waits for an answer."""


class Body(Protocol):
    """The body of a request, read once."""

    length: int | None
    """Bytes, or None for one that comes in chunks."""

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises ApiError when the body is too large, malformed or too slow, and
        ClientLeftError."""
        ...


class NoBody:
    length: int | None = 0

    async def read(self) -> bytes:
        return b""


NO_BODY: Final = NoBody()


class WholeBody:
    """A body that came before its request was looked at."""

    __slots__ = ("_unread", "data", "length")

    def __init__(self, data: bytes) -> None:
        self.data = self._unread = data
        self.length: int | None = len(data)

    async def read(self) -> bytes:
        piece, self._unread = self._unread, b""
        return piece


@dataclass(slots=True)
class Upgrade:
    """The wish to speak another protocol on the connection (RFC 9110 §7.8)."""

    protocol: bytes
    incoming: AsyncIterator[bytes]
    """What the client sends in it, after a 101."""


@dataclass(slots=True)
class Request:
    """`target` is what the request line said; `path` and `query` are its parts, still encoded, without the `?`.

    `client` is the address of the other end of the connection, or of the client behind trusted proxies; `forwarded` are it
    and the proxies, if there are any. `upgrade` is there when the
    connection can be used for the other protocol that the client asks for.
    """

    method: str
    target: str
    path: str
    query: str
    headers: Headers
    client: str
    body: Body = NO_BODY
    upgrade: Upgrade | None = None
    forwarded: str = ""


@dataclass(slots=True)
class Response:
    """`headers` leave out the framing, which is the server's: Content-Length, Transfer-Encoding, Connection.

    `length` is what a body that is not here would measure (the answer to HEAD), or the size of a streamed one, if
    known. `finished` is called once, when the last byte was handed to the network or it is clear that it never will
    be; its argument says what went wrong, and is empty when nothing did. With 101, `body` is what the service sends in the
    protocol `upgrade`. `block` are more fields, as they go on the wire: each ended by CRLF.
    """

    status: int
    headers: Pairs
    body: bytes | BodyStream = b""
    length: int | None = None
    finished: Callable[[str], None] | None = field(default=None)
    upgrade: bytes = b""
    block: bytes = b""
