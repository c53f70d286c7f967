"""Cross-origin requests: any page may call the gateway, and read the header fields that it adds. Pure.

No cookies are used anywhere, so nothing is given away by allowing every origin: who has no token gets nothing.
"""

from typing import Final

from embedded_services.upstream.messages import Pairs

EVERY_RESPONSE: Final[Pairs] = [
    (b"Access-Control-Allow-Origin", b"*"),
    (
        b"Access-Control-Expose-Headers",
        b"X-Request-ID, X-Response-Time, X-Service-Instance, RateLimit, RateLimit-Policy, Retry-After, Location",
    ),
]

PREFLIGHT: Final[Pairs] = [
    (b"Access-Control-Allow-Methods", b"GET,PUT,POST,PATCH,DELETE,OPTIONS"),
    (
        b"Access-Control-Allow-Headers",
        b"Content-Type, Authorization, Idempotency-Key, If-Match, X-Request-ID, traceparent, tracestate",
    ),
    (b"Access-Control-Max-Age", b"600"),
]
