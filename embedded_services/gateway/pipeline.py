"""What happens to a request, in order: id and clock, CORS, rate limit, authentication, routing, and the call.

Works on the gateway's own request and response; every error becomes the one envelope, and every request ends in exactly
one record, also one whose client leaves before there is an answer.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import Route, Settings
from embedded_services.faults.armed import LocalFaults
from embedded_services.faults.touched import Touches
from embedded_services.gateway import cors, dashboard, proxy
from embedded_services.gateway.auth import Authenticator
from embedded_services.gateway.exchange import Exchange
from embedded_services.gateway.forwarding import TrustedProxies
from embedded_services.gateway.headers import client_block_with, continue_trace, has_date, inbound_request_id
from embedded_services.gateway.http import JSON, ClientLeftError, Headers, Request, Response
from embedded_services.gateway.http_date import HttpDate
from embedded_services.gateway.identifiers import Identifiers
from embedded_services.gateway.limiting import EXEMPT, RateLimit, too_many
from embedded_services.gateway.routes import RouteTable, is_plain
from embedded_services.gateway.story import Calling
from embedded_services.gateway.telemetry import Telemetry
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.direct import DirectCall, Outcome
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import METHODS, UpstreamResponse

Local = Callable[[], Response]
"""An endpoint of the gateway itself, open to everybody."""

CLIENT_LEFT: Final = 499
SWITCHED: Final = 101
_READ: Final = ("GET", "HEAD")
_DASHBOARD: Final = Route(prefix=dashboard.PATH, service="")

log = logging.getLogger(__name__)


class Gateway:
    """`locals_` are the endpoints of the gateway itself, by path."""

    def __init__(
        self,
        settings: Settings,
        upstream: UpstreamClient,
        auth: Authenticator,
        telemetry: Telemetry,
        clock: Clock,
        locals_: Mapping[str, Local],
    ) -> None:
        self._upstream = upstream
        self._auth = auth
        self._telemetry = telemetry
        self._clock = clock
        self._locals = locals_
        self._ids = Identifiers()
        self._date = HttpDate()
        self.rate_limit = RateLimit(settings.limits, clock.monotonic())
        self.settings = settings
        self.faults: LocalFaults | None = None
        """Those in force: what clients see of them is counted here."""
        self.received = 0
        """Bytes that clients have sent."""
        self._routes = RouteTable(settings.routes)
        self._proxies = TrustedProxies(settings.gateway.trusted_proxies)

    def apply(self, settings: Settings) -> None:
        """Put other settings in force, for the requests that come from now on. Raises ValueError, with nothing changed, for
        trusted proxies that are none."""
        self._proxies = TrustedProxies(settings.gateway.trusted_proxies)
        self.rate_limit.apply(settings.limits, self._clock.monotonic())
        self._routes = RouteTable(settings.routes)
        self.settings = settings

    async def handle(self, request: Request) -> Response:
        """Answer a request. Never raises, but for being cancelled when the client leaves."""
        exchange = self.begin(request)
        way = self.decide(exchange)
        return way if isinstance(way, Response) else await self.carry_out(exchange, way)

    def refuse(self, request: Request, error: ApiError) -> Response:
        """The answer to what the server could not read as a request, recorded as any other."""
        exchange = self.begin(request)
        return self._dress(exchange, refusal(exchange, error))

    # --- the parts of `handle`, for a server that waits for nothing ---

    def decide(self, exchange: Exchange) -> Response | Route:
        """What comes before any waiting: the answer, or the route by which the request goes on. Never raises."""
        try:
            way = self._decide(exchange)
        except Exception as error:  # noqa: BLE001 - `_failure` logs it
            way = self._failure(exchange, error)
        return self._dress(exchange, way) if isinstance(way, Response) else way

    async def carry_out(self, exchange: Exchange, route: Route) -> Response:
        """Go on by a route. Raises nothing, as `handle`."""
        try:
            if route is _DASHBOARD:
                response = await self._dashboard(exchange)
            else:
                response = await proxy.proxy(exchange, route.service, self._upstream)
        except asyncio.CancelledError:
            self.left(exchange)
            raise
        except Exception as error:  # noqa: BLE001 - `_failure` logs it
            response = self._failure(exchange, error)
        return self._dress(exchange, response)

    def start(
        self, exchange: Exchange, route: Route, told: Callable[[Outcome], None]
    ) -> DirectCall | Response | None:
        """`carry_out` without waiting: `told` hears later what `answer` makes a response of; who cancels the call says that
        the client has `left`. None, and nothing has been done, for what takes more."""
        if route is _DASHBOARD:
            return None
        try:
            return proxy.start(exchange, route.service, self._upstream, told)
        except Exception as error:  # noqa: BLE001 - `_failure` logs it
            return self._dress(exchange, self._failure(exchange, error))

    def answer(self, exchange: Exchange, outcome: Outcome) -> Response:
        """Of the outcome of `start`. Never raises."""
        service = exchange.service or ""
        try:
            if isinstance(outcome, UpstreamResponse):
                response = proxy.answer(exchange, service, exchange.started, outcome)
            else:
                if isinstance(outcome, UpstreamError):
                    exchange.calls = (Calling(service, exchange.started, outcome.attempts),)
                response = self._failure(exchange, outcome)
        except Exception as error:  # noqa: BLE001 - `_failure` logs it
            response = self._failure(exchange, error)
        return self._dress(exchange, response)

    def left(self, exchange: Exchange) -> None:
        """The client is gone before there was an answer."""
        self._end(exchange, CLIENT_LEFT, "the client left")

    def _failure(self, exchange: Exchange, error: Exception) -> Response:
        """The answer when there is no other."""
        if isinstance(error, ClientLeftError):
            return Response(CLIENT_LEFT, [])
        if isinstance(error, ApiError):
            return refusal(exchange, error)
        log.error("request %s failed", exchange.id, exc_info=error)
        return refusal(exchange, ApiError("GATEWAY_ERROR", "Internal gateway error"))

    def _decide(self, exchange: Exchange) -> Response | Route:
        request = exchange.request
        if request.method == "OPTIONS":
            return Response(200, list(cors.PREFLIGHT))
        story = exchange.story
        if request.path not in EXEMPT:
            if story is None:
                self._limit(exchange)
            else:
                with story.step("limit"):
                    self._limit(exchange)
        if not is_plain(request.path) or not _is_visible(request.query):
            raise ApiError("VALIDATION_FAILED", "The path is not one that every server reads in the same way")
        if (local := self._locals.get(request.path)) is not None:
            exchange.route = request.path
            _require(exchange, _READ)
            return local()
        route = self._match(exchange)
        if exchange.identity is None and (route is None or not route.public):
            if story is None:
                exchange.identity = self._auth.identify(request.headers)
            else:
                with story.step("token"):
                    exchange.identity = self._auth.identify(request.headers)
        if request.path == dashboard.PATH:
            exchange.route = dashboard.PATH
            _require(exchange, _READ)
            return _DASHBOARD
        if route is None:
            raise ApiError("NOT_FOUND", "API endpoint not found", path=request.path)
        _require(exchange, METHODS if route.methods is None else route.methods)
        return route

    def _match(self, exchange: Exchange) -> Route | None:
        """The route that is asked; what is refused counts for it too."""
        route = self._routes.match_method(exchange.request.path, exchange.request.method)
        if route is not None:
            exchange.route, exchange.service = route.prefix, route.service
        return route

    def _limit(self, exchange: Exchange) -> None:
        rule = self.rate_limit
        request = exchange.request
        if rule.by_user and request.headers.get(b"authorization") is not None:
            try:
                exchange.identity = self._auth.identify(request.headers)
            except ApiError as error:
                exchange.note = error.message  # counted by address; authentication will say so in its turn
        key = request.client
        if not rule.by_address:
            key = rule.key(key, request.headers, exchange.identity)
        verdict = rule.take(key, exchange.started)
        exchange.block = rule.block(verdict)
        if not verdict.allowed:
            if is_plain(request.path):
                self._match(exchange)
            raise too_many(verdict)

    async def _dashboard(self, exchange: Exchange) -> Response:
        identity = exchange.identity
        if identity is None:
            raise ApiError("UNAUTHORIZED", "Access token required")
        client = client_block_with(exchange.request, Headers([(b"Accept", b"application/json")]))
        body, exchange.note = await dashboard.dashboard(
            self.settings.dashboard, self._upstream, exchange, identity.user, client
        )
        return Response(200, [JSON], body)

    def begin(self, request: Request) -> Exchange:
        """Number and time a request. It ends with `Response.finished`, or by `left`."""
        self._telemetry.begin()
        if self._proxies:
            request.client, request.forwarded = self._proxies.believe(
                request.client, request.headers.all(b"x-forwarded-for")
            )
        digits = self._ids.hex(64)
        started = self._clock.monotonic()
        story = self._telemetry.sample(request.path, started)
        sampled = story is not None
        exchange = Exchange(
            request,
            inbound_request_id(request.headers) or digits[48:],
            self._clock.now(),
            started,
            continue_trace(request.headers, digits[:32], digits[32:48], sampled=sampled),
            sampled=sampled,
            story=story,
        )
        if self.faults is not None and self.faults.any:
            exchange.touches = Touches()
        return exchange

    def _dress(self, exchange: Exchange, response: Response) -> Response:
        took_ms = (self._clock.monotonic() - exchange.started) * 1000
        if not has_date(response.headers):
            response.headers.append((b"Date", self._date.at(exchange.at)))
        if exchange.fields:
            response.headers += exchange.fields
        # What nobody but us has a say in, put together at once: a third of the price of one field after the other.
        ours = f"{cors.EVERY_RESPONSE}X-Request-ID: {exchange.id}\r\nX-Response-Time: {took_ms:.1f}ms\r\n"
        response.block += exchange.block + ours.encode()
        response.finished = (
            partial(self._end, exchange, response.status)
            if response.status != SWITCHED
            else partial(self._close_tunnel, exchange, took_ms / 1000)
        )
        return response

    def _close_tunnel(self, exchange: Exchange, took_s: float, note: str) -> None:
        """What counts as the time of such a request is how long it took to switch."""
        exchange.note = f"open for {self._clock.monotonic() - exchange.started:.1f} s"
        self._telemetry.end(exchange, SWITCHED, took_s, note)

    def _end(self, exchange: Exchange, status: int, note: str) -> None:
        self._telemetry.end(exchange, status, self._clock.monotonic() - exchange.started, note)
        if exchange.touches is not None and exchange.touches.faults and self.faults is not None:
            self.faults.client_saw(exchange.touches, failed=status >= 500 or bool(note))


def refusal(exchange: Exchange, error: ApiError) -> Response:
    """The envelope of an error, with the fields that belong to its status."""
    headers = [JSON]
    if error.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % error.retry_after))
    if error.code == "UNAUTHORIZED":
        headers.append((b"WWW-Authenticate", b"Bearer"))
    if isinstance(error, UpstreamError):
        exchange.note = error.message
        if error.tries:
            exchange.tries, exchange.instance = len(error.tries), error.tries[-1].instance
    return Response(error.status, headers, error.encode(exchange.id))


def _require(exchange: Exchange, methods: Sequence[str]) -> None:
    method = exchange.request.method
    if method not in methods and not (method == "HEAD" and "GET" in methods):
        exchange.fields.append((b"Allow", ", ".join(methods).encode()))
        raise ApiError("METHOD_NOT_ALLOWED", f"{method} is not allowed here")


def _is_visible(query: str) -> bool:
    return not query or (query.isascii() and query.isprintable() and " " not in query and "#" not in query)
