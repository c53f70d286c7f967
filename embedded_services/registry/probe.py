"""One health check: a GET on a connection of its own, so that an instance that no longer accepts is found out."""

import asyncio
import contextlib
from dataclasses import dataclass

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


class _Response:
    """What the parser tells of the newest response; an interim one (1xx) is followed by another."""

    def __init__(self) -> None:
        self.on_message_begin()

    def on_message_begin(self) -> None:
        self.body = b""
        self.has_head = False
        self.framed = False
        self.complete = False

    def on_header(self, name: bytes, _: bytes) -> None:
        self.framed = self.framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


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
    reader, writer = await asyncio.open_connection(host, port)
    try:
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n".encode("ascii"))
        response = _Response()
        parser = httptools.HttpResponseParser(response)
        received = 0
        while not response.complete or parser.get_status_code() < 200:
            data = await reader.read(MAX_RESPONSE)
            if not data:
                if response.has_head and not response.framed and parser.get_status_code() >= 200:
                    break
                raise EOFError("closed in the middle of the reply" if received else "closed without a reply")
            received += len(data)
            if received > MAX_RESPONSE:
                raise EOFError(f"more than {MAX_RESPONSE} bytes")
            parser.feed_data(data)
        return parser.get_status_code(), response.body
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _explain(status: int, body: bytes) -> str:
    """The status, and the `reason` that our own services give with it."""
    with contextlib.suppress(ValueError, RecursionError):
        answer = msgspec.json.decode(body)
        if isinstance(answer, dict) and isinstance(answer.get("reason"), str):
            return f"answered {status}: {' '.join(answer['reason'].split())[:200]}"
    return f"answered {status}"
