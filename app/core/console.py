"""One request to the gateway, sent exactly as it was written, and an answer of bounded size. No Qt.

It talks to the one address it was made for: no redirect is followed, no proxy and no cookie is used, and the target goes
out as it is, not tidied up. Of an answer's body the first `KEPT_BYTES` are kept; the rest is read only to be counted, so
that memory stays the same whatever comes, and after `MOST_BYTES` no more is read.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Final, Self

import httpx

from app.core.language import tr
from app.core.messages import UserFacingError
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.common.version import __version__

KEPT_BYTES: Final = 256 * 1024
MOST_BYTES: Final = 256 * 1024 * 1024
CONNECT_S: Final = 2.0
LONGEST_S: Final = 60.0

FRAMING: Final = frozenset({"content-length", "transfer-encoding"})

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outgoing:
    """`target` is the path and query as they stand in the request line; `body` empty for none.

    `headers` do not say how long the body is (`FRAMING`): that is the console's to know.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""


class Ending(StrEnum):
    """How the body ended: as it should, broken off by the other side, or left unread by us."""

    COMPLETE = "complete"
    BROKEN = "broken"
    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"


@dataclass(frozen=True)
class Reply:
    """`kept` is the beginning of the body, `size` the bytes of it that came. Times are milliseconds since the start:
    `first_ms` until the head was there, `took_ms` until the end. `http` is the version, `HTTP/1.1`.
    """

    status: int
    phrase: str
    http: str
    headers: Headers
    kept: bytes
    size: int
    first_ms: float
    took_ms: float
    ending: Ending = Ending.COMPLETE

    def header(self, name: str) -> str:
        """The first value of that name; empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def is_whole(self) -> bool:
        """Whether `kept` is all of the body."""
        return self.ending is Ending.COMPLETE and len(self.kept) == self.size


class NoReplyError(UserFacingError):
    """There was no answer at all; the message says why."""

    def __init__(self, text: str, hint: str = "", took_ms: float = 0.0) -> None:
        super().__init__(text, hint)
        self.took_ms = took_ms


@dataclass(frozen=True)
class ConsoleLimits:
    """Bytes and seconds."""

    kept_bytes: int = KEPT_BYTES
    most_bytes: int = MOST_BYTES
    longest_s: float = LONGEST_S


DEFAULTS: Final = ConsoleLimits()


class Console:
    """`async with Console(port.gateway) as console: reply = await console.send(…)`. One connection a request."""

    def __init__(
        self, base_url: str, *, limits: ConsoleLimits = DEFAULTS, clock: Clock | None = None
    ) -> None:
        self._base_url = base_url
        self._limits = limits
        self._clock = clock or SystemClock()
        transport = httpx.AsyncHTTPTransport(
            verify=False,  # the gateway speaks plain HTTP, and loading certificates takes 20 ms
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._http = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            headers={"User-Agent": f"faultdeck/{__version__}", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, request: Outgoing, progress: Callable[[int], None] = lambda _: None) -> Reply:
        """Send it once; `progress` hears how many bytes of the body came. Raises NoReplyError."""
        meter = _Meter(self._clock, self._limits, progress)
        ending = Ending.COMPLETE
        try:
            async with asyncio.timeout(self._limits.longest_s):
                ending = await self._exchange(request, meter)
        except TimeoutError:
            ending = Ending.TOO_SLOW
            if meter.response is None:
                text = tr("No answer within {s:g} s.", s=self._limits.longest_s)
                raise NoReplyError(text, tr("See the gateway's log."), meter.elapsed_ms) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            ending = Ending.BROKEN
            if meter.response is None:
                raise self._no_reply(error, meter.elapsed_ms) from error
        return meter.reply(ending)

    async def _exchange(self, request: Outgoing, meter: "_Meter") -> Ending:
        async with self._http.stream(
            request.method,
            self._base_url,
            headers=[(name.encode(), value.encode()) for name, value in request.headers],
            content=request.body or None,
            extensions={"target": request.target.encode()},
        ) as response:
            meter.start(response)
            async for chunk in response.aiter_raw():
                meter.take(chunk)
                if meter.size > self._limits.most_bytes:
                    return Ending.TOO_LARGE
        return Ending.COMPLETE

    def _no_reply(self, error: Exception, took_ms: float) -> NoReplyError:
        why = str(error) or type(error).__name__
        match error:
            case httpx.ConnectError() | httpx.ConnectTimeout():
                text = tr("The gateway at {url} cannot be reached.", url=self._base_url)
                return NoReplyError(text, tr("It is started again if it died."), took_ms)
            case httpx.LocalProtocolError():
                return NoReplyError(tr("This cannot be sent as a request: {why}.", why=why), "", took_ms)
            case _:
                text = tr("The gateway closed the connection without an answer: {why}.", why=why.rstrip("."))
                return NoReplyError(text, tr("See the gateway's log."), took_ms)


@dataclass
class _Meter:
    """Counts and times an answer while it comes."""

    clock: Clock
    limits: ConsoleLimits
    progress: Callable[[int], None]
    response: httpx.Response | None = None
    size: int = 0
    first_ms: float = 0.0
    kept: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()

    @property
    def elapsed_ms(self) -> float:
        return (self.clock.monotonic() - self._began) * 1000

    def start(self, response: httpx.Response) -> None:
        self.response = response
        self.first_ms = self.elapsed_ms

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.kept += chunk[: max(0, self.limits.kept_bytes - len(self.kept))]
        self.progress(self.size)

    def reply(self, ending: Ending) -> Reply:
        assert self.response is not None  # noqa: S101 - nobody asks before
        return Reply(
            status=self.response.status_code,
            phrase=self.response.reason_phrase,
            http=self.response.http_version,
            headers=tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in self.response.headers.raw
            ),
            kept=bytes(self.kept),
            size=self.size,
            first_ms=self.first_ms,
            took_ms=self.elapsed_ms,
            ending=ending,
        )
