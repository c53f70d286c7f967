"""The gateway behind aiohttp's low-level server: its request to ours, our response to bytes.

aiohttp parses and keeps the connections; a response is written here, its head in one piece, because building aiohttp's
own costs as much as everything else together. Limits for heads and bodies, malformed HTTP and slow senders are answered
in the error envelope. A client that leaves cancels what is done for it.
"""

import asyncio
from itertools import chain
from typing import Final, cast

from aiohttp import http_exceptions, web

from embedded_services.common.write_batch import WriteBatch
from embedded_services.contracts.errors import ApiError
from embedded_services.gateway.http import ClientLeftError, Headers, Request, Response
from embedded_services.gateway.pipeline import Gateway
from embedded_services.gateway.response_writer import Answer

KEEP_ALIVE_S: Final = 75.0
SENDER_IDLE_S: Final = 30.0
"""How long a client may pause while it sends a body."""
LINGER_S: Final = 2.0
"""How long what a client still sends is read and dropped, after it was answered early."""


class GatewayServer(web.Server):
    """The protocol factory for `loop.create_server`."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(self._handle, handler_cancellation=True)
        self._gateway = gateway
        self._writes = WriteBatch()

    def __call__(self) -> web.RequestHandler:
        limit = self._gateway.settings.gateway.header_limit
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            max_line_size=limit,
            max_field_size=limit,
            auto_decompress=False,
            access_log=None,
        )

    async def _handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        limits = self._gateway.settings.gateway
        request = _request(raw, limits.body_limit)
        if len(request.target) + _size(request.headers) > limits.header_limit:
            response = self.refuse(request, _headers_too_large(limits.header_limit))
        elif request.body.length is not None and request.body.length > limits.body_limit:
            response = self.refuse(request, _too_large(limits.body_limit))
        else:
            response = await self._gateway.handle(request)
        return cast("web.StreamResponse", Answer(raw, response, self._writes))

    def refuse(self, request: Request, error: ApiError) -> Response:
        return self._gateway.refuse(request, error)

    def refuse_malformed(self, raw: web.BaseRequest, cause: BaseException | None) -> web.StreamResponse:
        """The answer to what aiohttp could not parse; the connection is closed after it."""
        text = str(getattr(cause, "message", cause))
        if isinstance(cause, http_exceptions.LineTooLong) or text.startswith("Too many headers"):
            error = _headers_too_large(self._gateway.settings.gateway.header_limit)
        else:
            error = ApiError(
                "VALIDATION_FAILED", f"Malformed HTTP: {text.splitlines()[0] if text else 'unreadable'}"
            )
        response = self.refuse(Request("", "", "", "", Headers(()), raw.remote or ""), error)
        return cast("web.StreamResponse", Answer(raw, response, self._writes, last=True))


class _Connection(web.RequestHandler):
    """aiohttp's protocol, but for what it says of malformed requests."""

    __slots__ = ("_server",)

    def __init__(self, server: GatewayServer, **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type]  # handed on as they are
        self._server = server

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status == 400:
            return self._server.refuse_malformed(request, exc)
        return super().handle_error(request, status, exc, message)


class IncomingBody:
    """The body of a request as it comes in: `http.Body`."""

    __slots__ = ("_content", "_idle_s", "_left", "_limit", "_raw", "_waits_for_100", "length")

    def __init__(
        self,
        raw: web.BaseRequest,
        length: int | None,
        limit: int,
        waits_for_100: bool,
        idle_s: float = SENDER_IDLE_S,
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
            raise ApiError("VALIDATION_FAILED", "Malformed HTTP: the body breaks its framing") from error
        self._left -= len(piece)
        if self._left < 0:
            raise _too_large(self._limit)
        return piece


def _request(raw: web.BaseRequest, body_limit: int) -> Request:
    target = raw.raw_path
    if not target.startswith("/"):
        target = _origin_form(target)
    path, _, query = target.partition("?")
    headers = Headers(raw.raw_headers)
    if not raw.body_exists:
        return Request(raw.method, target, path, query, headers, raw.remote or "")
    announced = headers.get(b"content-length")
    body = IncomingBody(
        raw,
        int(announced) if announced is not None else None,
        body_limit,
        (headers.get(b"expect") or b"").lower() == b"100-continue",
    )
    return Request(raw.method, target, path, query, headers, raw.remote or "", body)


def _origin_form(target: str) -> str:
    """The path and query of an absolute target; anything else (`*`, an authority) is left for routing to refuse."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return target
    _, slash, path = rest.partition("/")
    return slash + path if slash else "/"


def _size(headers: Headers) -> int:
    return len(b"".join(chain.from_iterable(headers.pairs))) + 4 * len(headers.pairs)


def _headers_too_large(limit: int) -> ApiError:
    return ApiError(
        "HEADERS_TOO_LARGE", f"The request line and header fields may measure {limit} bytes together"
    )


def _too_large(limit: int) -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"A body may measure {limit} bytes")
