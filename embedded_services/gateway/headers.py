"""Which header fields pass the gateway, and which it writes itself. Pure.

Fields that belong to one connection (RFC 9110 §7.6.1) end here, both ways, and so does everything by which a client
could pretend to be someone: the identity that services trust is written by the gateway alone.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, cast

from embedded_services.gateway.exchange import Exchange, Trace
from embedded_services.gateway.http import Headers, Request
from embedded_services.gateway.memo import Memo
from embedded_services.gateway.routes import API
from embedded_services.upstream.messages import Pairs, field_block

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_FRAMING: Final = frozenset({b"content-length", b"host", b"expect"})
_OURS_UPSTREAM: Final = frozenset(
    {
        b"forwarded",
        b"traceparent",
        b"tracestate",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-faultdeck-faults",
        b"x-gateway-time",
        b"x-real-ip",
        b"x-request-deadline-ms",
        b"x-request-id",
    }
)
_OURS_DOWNSTREAM: Final = frozenset(
    {
        b"ratelimit",
        b"ratelimit-policy",
        b"x-faultdeck-faults",
        b"x-request-id",
        b"x-response-time",
        b"x-service-instance",
    }
)
_DROPPED_UPSTREAM: Final = _HOP_BY_HOP | _FRAMING | _OURS_UPSTREAM
_DROPPED_DOWNSTREAM: Final = _HOP_BY_HOP | _FRAMING | _OURS_DOWNSTREAM
_IDENTITY: Final = re.compile(rb"x[-_]*user")
_TRACEPARENT: Final = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
VIA: Final = "Via: 1.1 faultdeck\r\n"
_VIA: Final = (b"Via", b"1.1 faultdeck")


_new_trace: Final = cast("Callable[[tuple[str, str, str, None, None]], Trace]", partial(tuple.__new__, Trace))
"""A named tuple made in a third of the time: every request has one."""


def inbound_request_id(headers: Headers) -> str | None:
    """The client's own id for the request, if it is one that can be written anywhere."""
    value = headers.get(b"x-request-id")
    return value.decode() if value is not None and _REQUEST_ID.fullmatch(value) else None


def continue_trace(headers: Headers, new_trace_id: str, span_id: str, *, sampled: bool) -> Trace:
    """The client's trace with a new span, or a new trace if the client sent none that is valid. Whether it is recorded is
    our decision, whatever the client wishes."""
    flags = "01" if sampled else "00"
    value = headers.get(b"traceparent")
    if value is None or (found := _TRACEPARENT.fullmatch(value)) is None:
        return _new_trace((new_trace_id, span_id, flags, None, None))
    version, trace_id, parent, _, rest = found.groups()
    if (version == b"00" and rest) or not trace_id.strip(b"0") or not parent.strip(b"0"):
        return Trace(new_trace_id, span_id, flags)
    state = b",".join(headers.all(b"tracestate")) or None
    return Trace(trace_id.decode(), span_id, flags, state, parent.decode())


def _passes_upstream(name: bytes) -> bool:
    lower = name.lower()
    return lower not in _DROPPED_UPSTREAM and _IDENTITY.match(lower) is None


def _passes_downstream(name: bytes) -> bool:
    lower = name.lower()
    return lower not in _DROPPED_DOWNSTREAM and not lower.startswith(b"access-control-")


def _named_by(connection: bytes) -> frozenset[bytes]:
    """The fields that the value of a Connection field says belong to the connection."""
    return frozenset(name.strip() for name in connection.lower().split(b",")) - {b"keep-alive", b"close", b""}


_upstream: Final = Memo(_passes_upstream)
_downstream: Final = Memo(_passes_downstream)
_is_connection: Final = Memo(lambda name: name.lower() == b"connection")
_is_date: Final = Memo(lambda name: name.lower() == b"date")
_named: Final = Memo(_named_by)


def client_block(request: Request) -> bytes:
    """The first part of what a service is told: of the request's own fields what may pass, and what we say of the client. Made
    once for all requests of a client that share their fields."""
    headers = request.headers
    if request.forwarded:  # which proxies are trusted may change
        return client_block_with(request, headers)
    block = headers.derived
    if block is None:
        block = headers.derived = client_block_with(request, headers)
    return block


def client_block_with(request: Request, headers: Headers) -> bytes:
    """The same with other fields than the request's own."""
    return field_block(_of_client(request, headers))


def exchange_block(exchange: Exchange, trace: Trace | None = None) -> bytes:
    """The last part of it: what we say of the exchange, with its own place in the trace unless another is given."""
    trace = exchange.trace if trace is None else trace
    # No client has a say in these: ids are hex or as `inbound_request_id` allows.
    block = (
        f"X-Request-ID: {exchange.id}\r\nX-Gateway-Time: {int(exchange.at * 1000)}\r\n"
        f"traceparent: {trace.traceparent}\r\n"
    ).encode()
    if trace.state is not None:
        block += field_block([(b"tracestate", trace.state)])
    if exchange.identity is not None:
        block += exchange.identity.block
    return block


def _of_client(request: Request, headers: Headers) -> Pairs:
    out = _passing(headers.pairs, _upstream)
    out += (
        (b"X-Forwarded-For", (request.forwarded or request.client).encode()),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Prefix", API.encode()),
        _VIA,
    )
    if (host := request.headers.get(b"host")) is not None:
        out.append((b"X-Forwarded-Host", host))
    return out


def downstream_headers(pairs: Pairs) -> Pairs:
    """The fields of a service's response that the client gets to see."""
    return _passing(pairs, _downstream)


def has_date(pairs: Pairs) -> bool:
    for name, _ in pairs:  # noqa: SIM110 - twice as fast as any(), for every response
        if _is_date[name]:
            return True
    return False


def _passing(pairs: Sequence[tuple[bytes, bytes]], passes: Memo[bool]) -> Pairs:
    out: Pairs = []
    named: frozenset[bytes] = frozenset()
    for pair in pairs:
        if passes[pair[0]]:
            out.append(pair)
        elif _is_connection[pair[0]]:
            named |= _named[pair[1]]
    return [pair for pair in out if pair[0].lower() not in named] if named else out
