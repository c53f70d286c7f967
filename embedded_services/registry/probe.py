"""One health check: a GET on a connection of its own, so that an instance that no longer accepts is found out."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import cast

import httptools
import msgspec

from embedded_services.common.clock import Clock

MAX_RESPONSE = 64 * 1024


@dataclass(frozen=True)
class ProbeResult:
    """`message` says for people why it failed; `latency_ms` is the whole exchange."""

    ok: bool
    latency_ms: float
    message: str


class _Exchange(asyncio.Protocol):
    """One request and its answer; `ended` has the status and the body. An interim answer (1xx) is followed by another."""

    def __init__(self, request: bytes, ended: "asyncio.Future[tuple[int, bytes]]") -> None:
        self._request = request
        self._ended = ended
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._ended.done():
            return
        if self._received > MAX_RESPONSE:
            self._fail(EOFError(f"more than {MAX_RESPONSE} bytes"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ended.done():
            return
        if exc is not None:
            self._fail(exc)
        elif self._has_head and not self._framed and self._parser.get_status_code() >= 200:
            self._ended.set_result((self._parser.get_status_code(), self._body))
        else:
            what = "closed in the middle of the reply" if self._received else "closed without a reply"
            self._fail(EOFError(what))

    def _fail(self, error: Exception) -> None:
        self._ended.set_exception(error)

    # --- the parser's ---

    def on_message_begin(self) -> None:
        self._body = b""
        self._has_head = False
        self._framed = False

    def on_header(self, name: bytes, _: bytes) -> None:
        self._framed = self._framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200 and not self._ended.done():
            self._ended.set_result((self._parser.get_status_code(), self._body))


async def probe(host: str, port: int, path: str, timeout_s: float, clock: Clock) -> ProbeResult:
    """Healthy is a 2xx within `timeout_s`; everything else is not, and says why. Never raises for the other side."""
    started = clock.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            status, body = await _get(host, port, path)
    except TimeoutError:
        ok, message = False, f"no reply within {timeout_s * 1000:.0f} ms"
    except ConnectionRefusedError:
        ok, message = False, "connection refused"
    except (OSError, EOFError, ValueError, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        ok, message = False, f"no valid reply: {str(error) or type(error).__name__}"
    else:
        ok = 200 <= status < 300
        message = "ok" if ok else _explain(status, body)
    return ProbeResult(ok, (clock.monotonic() - started) * 1000, message)


async def _get(host: str, port: int, path: str) -> tuple[int, bytes]:
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n".encode("ascii")
    ended: asyncio.Future[tuple[int, bytes]] = loop.create_future()
    transport, _ = await loop.create_connection(lambda: _Exchange(request, ended), host, port)
    try:
        return await ended
    finally:
        transport.close()


def _explain(status: int, body: bytes) -> str:
    """The status, and the `reason` that our own services give with it."""
    with contextlib.suppress(ValueError, RecursionError):
        answer = msgspec.json.decode(body)
        if isinstance(answer, dict) and isinstance(answer.get("reason"), str):
            return f"answered {status}: {' '.join(answer['reason'].split())[:200]}"
    return f"answered {status}"
