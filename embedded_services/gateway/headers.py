"""Which header fields pass the gateway, and which it writes itself. Pure.

Fields that belong to one connection (RFC 9110 §7.6.1) end here, both ways, and so does everything by which a client
could pretend to be someone: the identity that services trust is written by the gateway alone.
"""

import re
from typing import Final

from embedded_services.gateway.exchange import Exchange, Trace
from embedded_services.gateway.http import Headers
from embedded_services.upstream.messages import Pairs

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
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-gateway-time",
        b"x-real-ip",
        b"x-request-id",
    }
)
_OURS_DOWNSTREAM: Final = frozenset(
    {
        b"ratelimit",
        b"ratelimit-policy",
        b"x-request-id",
        b"x-response-time",
        b"x-service-instance",
    }
)
_DROPPED_UPSTREAM: Final = _HOP_BY_HOP | _FRAMING | _OURS_UPSTREAM
_DROPPED_DOWNSTREAM: Final = _HOP_BY_HOP | _FRAMING | _OURS_DOWNSTREAM
_IDENTITY: Final = re.compile(rb"x[-_]*user")
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
VIA: Final = b"1.1 faultdeck"


def inbound_request_id(headers: Headers) -> str | None:
    """The client's own id for the request, if it is one that can be written anywhere."""
    value = headers.get(b"x-request-id")
    return value.decode() if value is not None and _REQUEST_ID.fullmatch(value) else None


def continue_trace(headers: Headers, new_trace_id: str, span_id: str) -> Trace:
    """The client's trace with a new span, or a new trace if the client sent none that is valid."""
    value = headers.get(b"traceparent")
    found = _TRACEPARENT.fullmatch(value) if value is not None else None
    if found is None or (found[4] is not None and value is not None and value.startswith(b"00")):
        return Trace(new_trace_id, span_id)
    trace_id, parent, flags = found[1].decode(), found[2], found[3].decode()
    if not trace_id.strip("0") or not parent.strip(b"0"):
        return Trace(new_trace_id, span_id)
    state = b",".join(headers.all(b"tracestate")) or None
    return Trace(trace_id, span_id, flags, state)


def upstream_headers(exchange: Exchange, headers: Headers) -> Pairs:
    """What a service is told: of `headers` what may pass, then what we say of the exchange."""
    dropped = _dropped(headers, _DROPPED_UPSTREAM)
    out = [
        pair
        for lower, pair in zip(headers.lower, headers.pairs, strict=True)
        if lower not in dropped and _IDENTITY.match(lower) is None
    ]
    out += (
        (b"X-Request-ID", exchange.id.encode()),
        (b"X-Forwarded-For", exchange.request.client.encode()),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Gateway-Time", b"%d" % (exchange.at * 1000)),
        (b"traceparent", exchange.trace.traceparent),
        (b"Via", VIA),
    )
    if (host := exchange.request.headers.get(b"host")) is not None:
        out.append((b"X-Forwarded-Host", host))
    if exchange.trace.state is not None:
        out.append((b"tracestate", exchange.trace.state))
    if (identity := exchange.identity) is not None:
        out.append((b"X-User-ID", identity.user.encode()))
        if identity.role:
            out.append((b"X-User-Role", identity.role.encode()))
    return out


def downstream_headers(pairs: Pairs) -> Pairs:
    """The fields of a service's response that the client gets to see."""
    dropped = _DROPPED_DOWNSTREAM
    out = []
    named = False
    for pair in pairs:
        lower = pair[0].lower()
        named = named or lower == b"connection"
        if lower not in dropped and not lower.startswith(b"access-control-"):
            out.append(pair)
    if named:
        also = _dropped(Headers(pairs), dropped)
        out = [pair for pair in out if pair[0].lower() not in also]
    out.append((b"Via", VIA))
    return out


def _dropped(headers: Headers, always: frozenset[bytes]) -> frozenset[bytes]:
    """`always`, and what the Connection fields name besides."""
    if b"connection" not in headers.lower:
        return always
    named = b",".join(headers.all(b"connection")).lower().split(b",")
    return always | {name.strip() for name in named}
