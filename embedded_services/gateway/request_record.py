"""The record of a request, as it is shown and stored: bounded, and without what looks like a secret. Pure."""

import re
from typing import Final

from embedded_services.contracts.system import RequestRecord
from embedded_services.gateway.exchange import Exchange

_MAX_QUERY: Final = 200
_MAX_PATH: Final = 500
_SECRET: Final = re.compile(
    r"(?i)((?:^|&)[^=&]*(?:token|secret|passw|api-?key|auth|signature|code)[^=&]*=)[^&]*"
)


def record_of(exchange: Exchange, status: int, took_s: float, note: str) -> RequestRecord:
    return RequestRecord(
        id=exchange.id,
        at=exchange.at,
        method=exchange.request.method,
        path=loggable(exchange.request.path, exchange.request.query),
        status=status,
        took_ms=round(took_s * 1000, 3),
        route=exchange.route,
        service=exchange.service,
        instance=exchange.instance,
        tries=exchange.tries,
        user=exchange.identity.user if exchange.identity is not None else None,
        client=exchange.request.client,
        trace=exchange.trace.trace_id,
        note=note or exchange.note,
        sampled=exchange.sampled,
        attempts=[attempt for call in exchange.calls for attempt in call.attempts],
    )


def loggable(path: str, query: str) -> str:
    """The path as it may be shown and stored."""
    shown = path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}…"
    if not (path.isascii() and query.isascii()):
        shown, query = _readable(shown), _readable(query)
    if not query:
        return shown
    query = _SECRET.sub(r"\1…", query)
    return f"{shown}?{query}" if len(query) <= _MAX_QUERY else f"{shown}?{query[:_MAX_QUERY]}…"


def _readable(text: str) -> str:
    """Without the stand-ins for bytes that were no text."""
    return text.encode("utf-8", "replace").decode()
