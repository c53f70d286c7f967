"""The control API's HTTP server: guards, decodes, calls, encodes, and turns every failure into the error format."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from embedded_services.common.ids import new_request_id
from embedded_services.common.platform import listening_socket
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.validation import convert_query, decode_json, invalid
from embedded_services.control.api.guard import check_origin, check_token
from embedded_services.control.api.openapi import document
from embedded_services.control.api.table import Call, Operation

MAX_BODY = 1 << 20
HOST = "127.0.0.1"

_NO_ACCESS_LOG = cast("logging.Logger", None)  # what aiohttp takes, though its annotation does not say so

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger(__name__)
http_log = logging.getLogger(f"{__name__}.http")
"""aiohttp's own."""


class ControlServer:
    """Listens from the start, so that its address is known; answers once the operations are there."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._socket = listening_socket(HOST, 0)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"

    @asynccontextmanager
    async def serving(
        self, operations: Sequence[Operation], *, stream: Handler, agent: Handler
    ) -> AsyncIterator[None]:
        """`stream` serves `/v1/stream`; `agent` serves `/v1/agent`, which has a token of its own."""
        app = web.Application(middlewares=[self._middleware], client_max_size=MAX_BODY)
        app.router.add_get("/v1/stream", stream)
        app.router.add_get("/v1/agent", agent)
        described = msgspec.json.encode(document(operations, self.url))

        async def describe(_: web.Request) -> web.StreamResponse:
            return _json_bytes(described)

        app.router.add_get("/openapi.json", describe)
        for operation in operations:
            app.router.add_route(operation.method, operation.path, _handler(operation))
        runner = _Runner(app, access_log=None, logger=http_log, handle_signals=False, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            yield
        finally:
            await runner.cleanup()

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = new_request_id()
        try:
            check_origin(request.headers.get("Host"), request.headers.get("Origin"), self.port)
            if request.path not in ("/openapi.json", "/v1/agent"):
                check_token(request.headers.get("Authorization"), self._token)
            response = await handler(request)
        except ConnectionError:
            raise  # the other side is gone: nobody to tell, and nothing wrong
        except ApiError as error:
            response = _error(error, request_id)
        except web.HTTPException as error:
            response = _error(_from_http(error, request), request_id, error.headers.get("Allow"))
        except Exception:
            log.exception("%s %s failed, request %s", request.method, request.path, request_id)
            response = _error(
                ApiError("INTERNAL_ERROR", "this is a fault of ours; the log tells more"), request_id
            )
        if not response.prepared:
            response.headers["X-Request-ID"] = request_id
            response.headers["Cache-Control"] = "no-store"
        return response


class _Runner(web.AppRunner):
    """aiohttp's, with our protocol."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory)


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, access_log=_NO_ACCESS_LOG, logger=http_log)


class _Protocol(web.RequestHandler):
    """Answers what is not even HTTP in the format of all errors, too."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        http_log.info(
            "not an HTTP request: %s", exc.message
        )  # its sender's fault: worth a line, and no traceback
        what = (
            "the request line or a header field is too long"
            if isinstance(exc, LineTooLong)
            else "it is not valid HTTP"
        )
        error = ApiError("VALIDATION_FAILED", f"the request cannot be read: {what}")
        response = _error(error, new_request_id())
        response.force_close()
        return response


def _handler(operation: Operation) -> Handler:
    decoder = msgspec.json.Decoder(operation.body) if operation.body is not None else None

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(
            path=request.match_info,
            query=convert_query(dict(request.query), operation.query) if operation.query else None,
            body=await _body(request, operation, decoder),
            if_match=_if_match(request) if operation.if_match else None,
        )
        result = await operation.handler(call)
        if operation.response is None:
            return web.Response(status=operation.status)
        return _json_bytes(msgspec.json.encode(result), operation.status)

    return handle


async def _body(request: web.Request, operation: Operation, decoder: msgspec.json.Decoder[Any] | None) -> Any:
    try:
        raw = await request.read()
    except (ConnectionError, web.RequestPayloadError) as error:
        raise ApiError("VALIDATION_FAILED", "the body broke off, or its framing is wrong") from error
    if decoder is None:
        return None
    if not raw and not operation.body_required:
        return None
    if raw and request.content_type != "application/json":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "send JSON, as Content-Type: application/json")
    return decode_json(decoder, raw)


def _if_match(request: web.Request) -> int | None:
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    number = given.strip().removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 18:
        raise invalid("If-Match", "must be a revision, a whole number")
    return int(number)


def _from_http(error: web.HTTPException, request: web.Request) -> ApiError:
    match error.status:
        case 404:
            return ApiError("NOT_FOUND", "no such operation; /openapi.json lists them", path=request.path)
        case 405:
            return ApiError("METHOD_NOT_ALLOWED", f"{request.method} is not possible on {request.path}")
        case 413:
            return ApiError("PAYLOAD_TOO_LARGE", f"a body may have at most {MAX_BODY} bytes")
        case 401:
            return ApiError("UNAUTHORIZED", "not the token of this run's processes")
        case _:
            return ApiError("VALIDATION_FAILED", error.reason)


def _error(error: ApiError, request_id: str, allow: str | None = None) -> web.Response:
    headers = {"Allow": allow} if allow else None
    return web.Response(
        status=error.status, body=error.encode(request_id), content_type="application/json", headers=headers
    )


def _json_bytes(body: bytes, status: int = 200) -> web.StreamResponse:
    return web.Response(status=status, body=body, content_type="application/json")
