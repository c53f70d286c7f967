"""Cross-origin requests: any page may call the gateway, and read the header fields that it adds. Pure.

No cookies are used anywhere, so nothing is given away by allowing every origin: who has no token gets nothing.
"""

from typing import Final

from embedded_services.upstream.messages import Pairs

EVERY_RESPONSE: Final = (
    "Access-Control-Allow-Origin: *\r\n"
    "Access-Control-Expose-Headers: "
    "X-Request-ID, X-Response-Time, X-Service-Instance, RateLimit, RateLimit-Policy, Retry-After, Location\r\n"
)
"""As it goes on the wire."""

PREFLIGHT: Final[Pairs] = [
    (b"Access-Control-Allow-Methods", b"GET,PUT,POST,PATCH,DELETE,OPTIONS"),
    (
        b"Access-Control-Allow-Headers",
        b"Content-Type, Authorization, Idempotency-Key, If-Match, X-Request-ID, traceparent, tracestate",
    ),
    (b"Access-Control-Max-Age", b"600"),
]
