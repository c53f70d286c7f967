"""The HTTP server of a service: bytes in, a typed question to a handler, an answer or the error envelope out.

Nothing reaches a handler that was not decoded and bounded. Identity is what the gateway says in `X-User-ID` and
`X-User-Role`; only a loopback `Host` is answered, see `hosts`. Whatever goes wrong, the client gets the envelope; a traceback goes to the log, with the request's id.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestPayloadError

from embedded_services.bus.outbox import current_trace
from embedded_services.common.ids import new_request_id
from embedded_services.common.platform import listening_socket
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import CONTROL, ORCHESTRATOR
from embedded_services.contracts.validation import convert_query, decode_json, invalid
from embedded_services.faults.armed import LocalFaults
from embedded_services.services.kit.endpoints import Answer, Ask, Caller, Endpoint, answer
from embedded_services.services.kit.hosts import is_loopback
from embedded_services.services.kit.lying import answer_under_faults
from embedded_services.services.kit.roles import Role
from embedded_services.services.kit.routes import MethodNotAllowedError, Routes
from embedded_services.telemetry.spans import SpanBook, traceparent

BODY_LIMIT: Final = 64 * 1024
HEADER_LIMIT: Final = 64 * 1024
"""Of one header field, or of the request line, in bytes: more than the gateway lets through by default."""
HEAD_S: Final = 30.0
"""How long a new connection may take to send the head of its first request."""
STOP_S: Final = 1.2
"""How long requests under way may take to end when the service stops."""

_NO_ACCESS_LOG: Final = cast(
    "logging.Logger", None
)  # what aiohttp takes, though its annotation does not say so
_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
_USER_ID: Final = re.compile(r"[!-~]{1,64}")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,40}){1,4}")
_TRACED: Final = "-01"
"""How the gateway's `traceparent` ends when the request is sampled."""
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_KEY: Final = re.compile(r"[ -~]{1,255}")
_BACKLOG: Final = 1024
_OWN: Final = (ORCHESTRATOR, CONTROL)
_DEADLINE: Final = "X-Request-Deadline-Ms"
"""How long whoever asks will wait for the answer."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def listen(
    host: str,
    port: int,
    endpoints: Iterable[Endpoint[Any]],
    spans: SpanBook | None = None,
    faults: LocalFaults | None = None,
) -> AsyncIterator[int]:
    """Serve the endpoints; yields the port. OSError EADDRINUSE if it is taken. What traced requests do is told to `spans`;
    `faults` act on all.

    Leaving stops listening, closes idle connections at once, and lets what is under way end within `STOP_S`.
    """
    listener = listening_socket(host, port)
    # The runner waits this long for a request, then tells it, then waits once more.
    runner = web.ServerRunner(_Server(Dispatcher(endpoints, spans, faults)), shutdown_timeout=STOP_S / 2)
    try:
        await runner.setup()
        listener.listen(_BACKLOG)  # uvloop's would not say that somebody else was quicker
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        yield int(listener.getsockname()[1])
    finally:
        await runner.cleanup()
        listener.close()


class Dispatcher:
    """From one HTTP request to its answer."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint[Any]],
        spans: SpanBook | None = None,
        faults: LocalFaults | None = None,
    ) -> None:
        self._spans = spans
        self._faults = faults
        table = list(endpoints)
        self._routes: Routes[Endpoint[Any]] = Routes(table)
        self._decoders = {kind: msgspec.json.Decoder(kind) for kind in {entry.takes for entry in table}}

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        if self._faults is not None and self._faults.any:
            return await answer_under_faults(self._faults, request, self._answer)
        return await self._answer(request)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        request_id = _request_id(request)
        trace = request.headers.get("traceparent", "")
        if self._spans is None or not trace.endswith(_TRACED):
            current_trace.set(trace if _TRACEPARENT.fullmatch(trace) else "")
            return await self._respond(request, request_id)
        with self._spans.serving(trace, f"{request.method} {request.rel_url.raw_path}") as facts:
            current_trace.set(traceparent() or "")
            response = await self._respond(request, request_id)
            if facts is not None:
                facts.ok = response.status < 500
                facts.note("status", str(response.status))
                facts.note("request", request_id)
        return response

    async def _respond(self, request: web.BaseRequest, request_id: str) -> web.Response:
        try:
            if not is_loopback(request.headers.get("Host", "")):
                raise ApiError("FORBIDDEN", "The service answers to loopback names only")
            if request.headers.get(_DEADLINE) == "0":
                raise ApiError("UPSTREAM_TIMEOUT", "No time was left for an answer: nothing was done")
            endpoint, params = self._routes.match(request.method, request.rel_url.raw_path)
            outcome = await endpoint.handler(await self._ask(request, endpoint, params, request_id))
            return _response(outcome if isinstance(outcome, Answer) else answer(outcome))
        except ApiError as error:
            return _refusal(error, request, request_id)
        except web.HTTPRequestEntityTooLarge:
            return _refusal(_too_large(), request, request_id)
        except RequestPayloadError as error:
            return _refusal(
                ApiError("VALIDATION_FAILED", f"The body is not valid HTTP: {error}"), request, request_id
            )
        except ConnectionError:
            raise  # the client has gone: the server's own code closes the connection
        except Exception:
            log.exception("request %s %s %s failed", request_id, request.method, request.path)
            return _refusal(ApiError("INTERNAL_ERROR", "The service failed"), request, request_id)

    async def _ask(
        self, request: web.BaseRequest, endpoint: Endpoint[Any], params: dict[str, str], request_id: str
    ) -> Ask[Any]:
        identity = None if endpoint.public else _identity(request)
        if identity is not None and endpoint.needs is not None:
            identity.must(endpoint.needs)
        if endpoint.internal and (identity is None or identity.id not in _OWN):
            raise ApiError("FORBIDDEN", "Only the system's own processes may ask for this")
        if endpoint.has_body:
            given = decode_json(self._decoders[endpoint.takes], await _body(request))
        else:
            given = convert_query(_query(request), endpoint.takes)
        return Ask(
            input=given,
            params=params,
            identity=identity,
            idempotency_key=_idempotency_key(request),
            method=request.method,
            path=request.rel_url.raw_path,
            request_id=request_id,
            query=_query(request) if endpoint.reads_query else {},
        )


class _Server(web.Server):
    """aiohttp's server, with our protocol, our limits and no decompression: a body is as large as it looks."""

    def __init__(self, handler: Dispatcher) -> None:
        super().__init__(handler, request_factory=self._request)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        protocol.head_timer.cancel()
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=BODY_LIMIT
        )

    def __call__(self) -> web.RequestHandler:
        return _Protocol(
            self,
            loop=self._loop,
            access_log=_NO_ACCESS_LOG,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            lingering_time=1.0,
            auto_decompress=False,
        )


class _Protocol(web.RequestHandler):
    """Answers what is not even HTTP in the error envelope, too, and closes a connection that asks for nothing."""

    __slots__ = ("head_timer",)

    head_timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.head_timer = self._loop.call_later(HEAD_S, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.head_timer.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - the signature is aiohttp's
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, LineTooLong):
            error = ApiError(
                "HEADERS_TOO_LARGE", f"A header or the request line is over {HEADER_LIMIT} bytes"
            )
        elif isinstance(exc, HttpProcessingError):
            error = ApiError("VALIDATION_FAILED", "The request is not valid HTTP")
        else:
            log.error("a request failed with status %d: %s", status, message, exc_info=exc)
            error = ApiError("INTERNAL_ERROR", "The service failed")
        response = _response(Answer(error.status, error.encode(None)))
        response.force_close()
        return response


def _response(given: Answer) -> web.Response:
    return web.Response(
        status=given.status,
        body=given.content or None,
        headers=given.headers,
        content_type="application/json" if given.content else None,
    )


def _refusal(error: ApiError, request: web.BaseRequest, request_id: str) -> web.Response:
    if error.code == "NOT_FOUND":
        error.path = _prefix(request) + request.path
    headers = {"Allow": ", ".join(error.allow)} if isinstance(error, MethodNotAllowedError) else {}
    return _response(Answer(error.status, error.encode(request_id), headers))


def _prefix(request: web.BaseRequest) -> str:
    """What the gateway took off the path, so that people read the path they asked for."""
    prefix = request.headers.get("X-Forwarded-Prefix", "")
    return prefix if _PREFIX.fullmatch(prefix) else ""


def _identity(request: web.BaseRequest) -> Caller:
    user = request.headers.get("X-User-ID", "")
    if not _USER_ID.fullmatch(user):
        raise ApiError("UNAUTHORIZED", "The caller's identity is missing")
    try:
        return Caller(user, Role(request.headers.get("X-User-Role", "")))
    except ValueError as error:
        raise ApiError("FORBIDDEN", "The caller's role is unknown") from error


def _query(request: web.BaseRequest) -> dict[str, str]:
    """The query's fields. An empty one counts as absent; one that is given twice is refused."""
    fields: dict[str, str] = {}
    for name, value in request.rel_url.query.items():
        if name in fields:
            raise invalid(name, "is given more than once")
        fields[name] = value
    return {name: value for name, value in fields.items() if value}


async def _body(request: web.BaseRequest) -> bytes:
    if not request.body_exists:
        return b"{}"
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "The body must not be compressed")
    if (request.content_length or 0) > BODY_LIMIT:
        raise _too_large()
    return await request.read() or b"{}"


def _idempotency_key(request: web.BaseRequest) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise invalid(
            "Idempotency-Key", "must be 1 to 255 printable characters", bound=255, unit="characters"
        )
    return key


def _request_id(request: web.BaseRequest) -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


def _too_large() -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"The body is over {BODY_LIMIT} bytes")
