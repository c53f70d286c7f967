"""The patient path: all of HTTP/1, behind aiohttp's low-level server; its request to ours.

aiohttp parses and keeps the connections. What it would let pass although two servers could read it in two ways is
refused here (`framing`), limits, malformed HTTP and slow senders are answered in the error envelope, and a client that
leaves cancels what is done for it.
"""

import asyncio
import contextlib
from itertools import chain
from typing import Final, cast

from aiohttp import http_exceptions, web
from aiohttp.http import HttpVersion10, HttpVersion11

from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.framing import framing_fault
from embedded_services.gateway.http import ClientLeftError, Headers, Request, Response
from embedded_services.gateway.patience import Seen, Stage
from embedded_services.gateway.pipeline import Gateway
from embedded_services.gateway.request_reader import MAX_FIELDS
from embedded_services.gateway.response_writer import deliver

LINGER_S: Final = 5.0
"""How long what a client still sends is read and dropped, after it was answered early."""
_VERSIONS: Final = (HttpVersion10, HttpVersion11)
_FOREVER_S: Final = 1e9
"""The keep-alive of aiohttp's own, which measures another way than ours."""


class AiohttpServer(web.Server):
    """The protocol factory for connections that aiohttp serves."""

    def __init__(self, gateway: Gateway, writes: WriteBatch) -> None:
        super().__init__(self._handle, handler_cancellation=True)
        self.gateway = gateway
        self._writes = writes

    def __call__(self) -> "AiohttpConnection":
        limit = self.gateway.settings.gateway.header_limit
        return AiohttpConnection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=_FOREVER_S,
            lingering_time=LINGER_S,
            max_line_size=limit,
            max_field_size=limit,
            auto_decompress=False,
            access_log=None,
        )

    def clients(self) -> list["AiohttpConnection"]:
        return cast("list[AiohttpConnection]", self.connections)

    async def _handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        limits = self.gateway.settings.gateway
        headers = Headers(raw.raw_headers)
        fault = framing_fault(headers, is_11=raw.version == HttpVersion11)
        if raw.version not in _VERSIONS:
            fault = "the version is neither HTTP/1.1 nor HTTP/1.0"
        if fault is not None:
            return self._answer(raw, self._refuse_unread(raw, malformed(fault)), last=True)
        request = _request(raw, headers, limits.body_limit, limits.body_idle_s)
        if len(request.target) + _size(headers) > limits.header_limit:
            response = self.gateway.refuse(request, headers_too_large(limits.header_limit))
        elif request.body.length is not None and request.body.length > limits.body_limit:
            response = self.gateway.refuse(request, too_large(limits.body_limit))
        else:
            response = await self.gateway.handle(request)
        return self._answer(raw, response)

    def refuse_malformed(self, raw: web.BaseRequest, cause: BaseException | None) -> web.StreamResponse:
        """The answer to what aiohttp could not parse; the connection is closed after it."""
        text = str(getattr(cause, "message", cause))
        if isinstance(cause, http_exceptions.LineTooLong) or text.startswith("Too many headers"):
            error = headers_too_large(self.gateway.settings.gateway.header_limit)
        else:
            error = malformed(text.splitlines()[0].rstrip(":") if text else "unreadable")
        return self._answer(raw, self._refuse_unread(raw, error), last=True)

    def refuse_late(self, raw: web.BaseRequest) -> web.StreamResponse:
        """The answer to a client whose head does not come to its end."""
        seconds = self.gateway.settings.gateway.header_timeout_s
        error = ApiError("REQUEST_TIMEOUT", f"The head of a request may take {seconds:g} s")
        return self._answer(raw, self._refuse_unread(raw, error), last=True)

    def _refuse_unread(self, raw: web.BaseRequest, error: ApiError) -> Response:
        return self.gateway.refuse(Request("", "", "", "", Headers(()), raw.remote or ""), error)

    def _answer(self, raw: web.BaseRequest, response: Response, *, last: bool = False) -> web.StreamResponse:
        return cast("web.StreamResponse", Answer(raw, response, self._writes, last=last))


class AiohttpConnection(web.RequestHandler):
    """aiohttp's protocol, but for what it says of malformed requests, and how patient it is."""

    def __init__(self, server: AiohttpServer, **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type]  # handed on as they are
        self._server = server
        self._head_begun = False
        self._late = False
        self._lingers: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._server.gateway.received += len(data)
        if self._lingers is not None:
            return
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_begun = False
        elif data and self._waits():
            self._head_begun = True

    def seen(self) -> Seen:
        transport = self.transport
        if transport is not None and (self.writing_paused or transport.is_closing()):
            return Stage.SENDING, transport.get_write_buffer_size()
        if not self._waits():
            return Stage.SERVED, self._request_count
        return Stage.HEAD if self._head_begun else Stage.IDLE, self._request_count

    def expire(self, stage: Stage) -> None:
        if stage is Stage.HEAD:
            self._late = True
            super().data_received(b"\0")  # no head has it, so that this one ends here, in `handle_error`
        elif self.transport is not None:
            self.transport.abort()

    async def linger(self) -> None:
        """Say that nothing more will come, and drop what the client still sends: closed under it, the connection would be
        reset, and the answer lost on its way."""
        if self.transport is not None and self.transport.can_write_eof():
            self._lingers = self._loop.create_future()
            self.transport.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await self._lingers

    def close(self) -> None:
        super().close()
        if self._lingers is not None and not self._lingers.done():
            self._lingers.set_result(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status == 400:
            return (
                self._server.refuse_late(request)
                if self._late
                else self._server.refuse_malformed(request, exc)
            )
        return super().handle_error(request, status, exc, message)

    def _waits(self) -> bool:
        return self._waiter is not None and not self._waiter.done()


class Answer:
    """What aiohttp's protocol asks of a response: `prepare`, `write_eof` and `keep_alive`, and no more. A
    `response_writer.Recipient` too."""

    __slots__ = ("_last", "_raw", "_response", "_writes", "head_only", "is_11", "keep_alive")

    def __init__(
        self, raw: web.BaseRequest, response: Response, writes: WriteBatch, *, last: bool = False
    ) -> None:
        """`last`: the connection ends after this answer, whatever the client asked for, and may be sending."""
        self._last = last
        self._writes = writes
        self._raw = raw
        self._response = response
        self.head_only = raw.method == "HEAD"
        self.is_11 = raw.version >= HttpVersion11
        self.keep_alive = not last and raw.keep_alive and raw.content.is_eof()

    @property
    def transport(self) -> asyncio.Transport | None:
        return self._raw.transport

    @property
    def writing_paused(self) -> bool:
        return self._raw.protocol.writing_paused

    async def drain(self) -> None:
        await self._raw.writer.drain()

    async def prepare(self, _: web.BaseRequest) -> None:
        """Head and body go together in `write_eof`."""

    async def write_eof(self, _: bytes = b"") -> None:
        await deliver(self._response, self, self._writes)
        if self._last:
            await cast("AiohttpConnection", self._raw.protocol).linger()


class IncomingBody:
    """The body of a request as it comes in: `http.Body`."""

    __slots__ = ("_content", "_idle_s", "_left", "_limit", "_raw", "_waits_for_100", "length")

    def __init__(
        self, raw: web.BaseRequest, length: int | None, limit: int, *, waits_for_100: bool, idle_s: float
    ) -> None:
        self._raw = raw
        self._idle_s = idle_s
        self._content = raw.content
        self._limit = self._left = limit
        self._waits_for_100 = waits_for_100
        self.length = length

    async def read(self) -> bytes:
        try:
            if self._waits_for_100:
                self._waits_for_100 = False
                await self._raw.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async with asyncio.timeout(self._idle_s):
                piece = await self._content.readany()
        except TimeoutError:
            raise ApiError("REQUEST_TIMEOUT", f"Nothing of the body came for {self._idle_s:g} s") from None
        except ConnectionError as error:
            raise ClientLeftError from error
        except (web.RequestPayloadError, http_exceptions.HttpProcessingError) as error:
            raise malformed("the body breaks its framing") from error
        self._left -= len(piece)
        if self._left < 0:
            raise too_large(self._limit)
        return piece


def _request(raw: web.BaseRequest, headers: Headers, body_limit: int, body_idle_s: float) -> Request:
    target = raw.raw_path
    if not target.startswith("/"):
        target = _origin_form(target)
    path, _, query = target.partition("?")
    request = Request(raw.method, target, path, query, headers, raw.remote or "")
    if raw.body_exists:
        announced = headers.get(b"content-length")
        request.body = IncomingBody(
            raw,
            int(announced) if announced is not None else None,
            body_limit,
            waits_for_100=(headers.get(b"expect") or b"").lower() == b"100-continue",
            idle_s=body_idle_s,
        )
    return request


def _origin_form(target: str) -> str:
    """The path and query of an absolute target; anything else (`*`, an authority) is left for routing to refuse."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return target
    _, slash, path = rest.partition("/")
    return slash + path if slash else "/"


def _size(headers: Headers) -> int:
    return len(b"".join(chain.from_iterable(headers.pairs))) + 4 * len(headers.pairs)


def malformed(what: str) -> ApiError:
    return ApiError("VALIDATION_FAILED", f"Malformed HTTP: {what}")


def headers_too_large(limit: int) -> ApiError:
    return ApiError(
        "HEADERS_TOO_LARGE",
        f"The request line and header fields may measure {limit} bytes together, in {MAX_FIELDS} fields at most",
    )


def too_large(limit: int) -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"A body may measure {limit} bytes")
