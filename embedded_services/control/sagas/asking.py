"""Asking the system's own processes over HTTP, as the control plane. Every question is bounded in time and size."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import aiohttp
import msgspec

from embedded_services.contracts.errors import STATUS_OF, ApiError, ErrorEnvelope
from embedded_services.contracts.sagas import CONTROL
from embedded_services.registry.lifecycle import Entry

T = TypeVar("T")

MAX_BYTES: Final = 32 * 1024 * 1024
_IDENTITY: Final = {"X-User-ID": CONTROL, "X-User-Role": "admin"}


class NoAnswerError(Exception):
    """Nobody said anything that can be used; the text says why. Whether the question had an effect is not known unless it was
    `unheard`."""

    def __init__(self, why: str, *, unheard: bool = False) -> None:
        super().__init__(why)
        self.unheard = unheard


class Asking:
    """Works while `open`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, headers=_IDENTITY
        ) as session:
            self._session = session
            try:
                yield
            finally:
                self._session = None

    async def ask(
        self, entry: Entry, method: str, path: str, kind: type[T], timeout_s: float, body: object = None
    ) -> T:
        """What it answers. Raises NoAnswerError, or the ApiError that it answers with."""
        if self._session is None:
            raise NoAnswerError("the system is stopping", unheard=True)
        host = f"[{entry.host}]" if ":" in entry.host else entry.host
        content = None if body is None else msgspec.json.encode(body)
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.request(
                    method,
                    f"http://{host}:{entry.port}{path}",
                    data=content,
                    headers={} if content is None else {"Content-Type": "application/json"},
                    allow_redirects=False,
                ) as response,
            ):
                raw = await _read(response, entry)
        except TimeoutError as error:
            raise NoAnswerError(f"{entry.id} did not answer within {timeout_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise NoAnswerError(
                f"{entry.id} cannot be reached: {_reason(error.os_error)}", unheard=True
            ) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise NoAnswerError(f"{entry.id} closed the connection before it had answered") from error
        if not 200 <= response.status < 300:
            raise _refused(entry, response.status, raw)
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswerError(f"what {entry.id} answered cannot be read: {error}") from error


async def _read(response: aiohttp.ClientResponse, entry: Entry) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > MAX_BYTES:
            raise NoAnswerError(f"{entry.id} answered more than {MAX_BYTES} bytes")
    return bytes(raw)


def _reason(error: OSError) -> str:
    return "connection refused" if isinstance(error, ConnectionRefusedError) else str(error)


def _refused(entry: Entry, status: int, raw: bytes) -> Exception:
    try:
        said = msgspec.json.decode(raw, type=ErrorEnvelope).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NoAnswerError(f"{entry.id} answered {status} without saying why")
    if said.code not in STATUS_OF or said.code == "INTERNAL_ERROR":
        return NoAnswerError(f"{entry.id} answered {status}: {said.message}")
    return ApiError(said.code, said.message, retry_after=said.retry_after, details=said.details)
