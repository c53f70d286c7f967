"""A request to a service and its answer, as callers see them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

from embedded_services.contracts.gateway import Attempt
from embedded_services.faults.touched import Touches
from embedded_services.upstream.failures import FailedTry, UpstreamError

Pairs = list[tuple[bytes, bytes]]
"""Header fields in order, names in any spelling."""

_VISIBLE: Final = bytes(range(0x21, 0x7F))
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_METHOD_WORDS: Final = {method: f"{method} ".encode() for method in METHODS}
_ANNOUNCE_EMPTY: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(slots=True)
class UpstreamRequest:
    """`target` is path and query as they go on the wire; `headers` leave out Host, Connection, Content-Length and
    Transfer-Encoding, which are the transport's. `block` are more of them, made by `field_block`.

    A body of bytes can be sent again to another instance. A streamed one is sent once: `length` is its exact size, or
    None to send it chunked. `repeatable` says that doing the request twice has no second effect although its method
    is not idempotent: it carries an Idempotency-Key.

    `upgraded`, for a request whose `headers` ask for another protocol, is what is sent once the instance has switched to
    it (101); what the instance sends is the body of its answer then.

    `explain` asks for the reasons of each choice (`UpstreamResponse.attempts`). `affinity` is what consistent hashing goes
    by, as `<kind of key>:<value>`; it may be None for a service that does not hash (`UpstreamClient.affinity_of`). `within_s` is what whoever asks has left for it, if that
    may be less than the policy allows. `touches` hears which faults were injected, here and wherever the answers come from.
    """

    method: str
    target: bytes
    headers: Pairs
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
    repeatable: bool = False
    explain: bool = False
    affinity: str | None = None
    within_s: float | None = None
    upgraded: AsyncIterator[bytes] | None = None
    block: bytes = b""
    touches: Touches | None = None

    def message(self, authority: bytes, field: bytes = b"") -> bytes:
        """`head` and the body, which is bytes."""
        head = self.head(authority, field)
        return head + self.body if self.body else head  # type: ignore[operator]  # a stream is not asked for this

    def head(self, authority: bytes, field: bytes = b"") -> bytes:
        """The request line and all fields, `field` among them, ready to be sent. Raises ValueError for what would not be one request."""
        method, target = _METHOD_WORDS.get(self.method), self.target
        if method is None or not target.startswith(b"/") or target.translate(None, _VISIBLE):
            raise ValueError("the method is one we know, the target a path of visible ASCII")
        own = field_block(self.headers) if self.headers else b""
        if not isinstance(self.body, bytes):
            own += (
                b"Transfer-Encoding: chunked\r\n"
                if self.length is None
                else b"Content-Length: %d\r\n" % self.length
            )
        elif self.body or self.method in _ANNOUNCE_EMPTY:
            own += b"Content-Length: %d\r\n" % len(self.body)
        if field:
            own += field + b"\r\n"
        return b"".join(
            (method, target, b" HTTP/1.1\r\nHost: ", authority, b"\r\n", own, self.block, b"\r\n")
        )


def field_block(pairs: Pairs) -> bytes:
    """Header fields as they go on the wire, for requests that share them. Raises ValueError for what would not be fields."""
    block = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
    _check_breaks(block, len(pairs))
    return block


def _check_breaks(text: bytes, breaks: int) -> None:
    if text.count(b"\n") != breaks or text.count(b"\r") != breaks or b"\0" in text:
        raise ValueError("a header field must not contain line breaks")


class BodyStream(Protocol):
    """A body as it arrives, in pieces that are never empty. Raises `BrokenBodyError` if the instance does not send all that
    it announced. Whoever does not read it to its end closes it, which gives the connection up."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes: ...

    def close(self) -> None: ...


class _Nothing:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    def close(self) -> None: ...


NOTHING: Final[BodyStream] = _Nothing()
"""A body of unknown length that has ended."""


@dataclass(slots=True)
class UpstreamResponse:
    """`headers` are as the instance sent them, framing and hop-by-hop fields included.

    `body` is bytes when all of it was there at once, else a stream of `length` bytes (None: unknown); to HEAD, `length`
    is what a GET would have brought. `failed` are the tries before the one that `instance` answered, `took_s` the time
    until the head was there, all tries included. `attempts` are all tries, the last one included: with every reason if the
    request asked for that, else only where there was more than one, and without candidates.
    """

    status: int
    headers: Pairs
    body: bytes | BodyStream
    length: int | None
    instance: str
    took_s: float
    failed: tuple[FailedTry, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def tries(self) -> int:
        return len(self.failed) + 1

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamError if it breaks off or is larger than `limit` bytes."""
        if isinstance(self.body, bytes):
            pieces, size = [self.body], len(self.body)
        else:
            pieces, size = [], 0
            async for piece in self.body:
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    self.body.close()
                    break
        if size > limit:
            raise UpstreamError("BAD_GATEWAY", f"{self.instance} answered with more than {limit} bytes")
        return b"".join(pieces)

    def close(self) -> None:
        """Do without the rest of the body."""
        if not isinstance(self.body, bytes):
            self.body.close()
