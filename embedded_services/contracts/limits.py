"""Rate limiting, as it is set and as it is seen."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from embedded_services.contracts.wire import END, Request

Limit = Annotated[int, Meta(ge=1, le=1_000_000_000, extra_json_schema={"x-unit": "requests"})]
WindowS = Annotated[int, Meta(ge=1, le=86_400, extra_json_schema={"x-unit": "s"})]
Key = Annotated[
    str,
    Meta(
        pattern=r"^(ip|user|header:[A-Za-z0-9-]{1,64})" + END,
        extra_json_schema={"x-form": "ip, user or header:<name>"},
    ),
]


class Algorithm(StrEnum):
    FIXED_WINDOW = "fixed-window"
    SLIDING_WINDOW = "sliding-window"
    TOKEN_BUCKET = "token-bucket"  # noqa: S105 - an algorithm


class LimitSettings(Request, frozen=True):
    """At most `limit` requests in `window_s` seconds for each client; `key` says what makes a client.

    An edit takes effect with the next request. Counts that still apply are kept, whatever is edited; only with another
    `key` all counts start afresh, because clients are others then.
    """

    algorithm: Algorithm = Algorithm.FIXED_WINDOW
    limit: Limit = 100
    window_s: WindowS = 60
    key: Key = "ip"


class LimitPatch(Request, omit_defaults=True, frozen=True):
    algorithm: Algorithm | None = None
    limit: Limit | None = None
    window_s: WindowS | None = None
    key: Key | None = None


class LimitClientsQuery(Request, frozen=True):
    """Clients that were seen last come first; `q` is looked for in the key, `limited` wants only those at their limit."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(max_length=300)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""
    limited: bool = False
