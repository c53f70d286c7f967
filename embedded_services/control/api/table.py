"""What an operation of the control API is. The routes, the validation and `/openapi.json` all come from such rows."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from embedded_services.contracts.wire import Request


@dataclass(frozen=True)
class Call:
    """One call of an operation: everything in it has been validated. `query` and `body` are of the declared types."""

    path: Mapping[str, str]
    query: Any
    body: Any
    if_match: int | None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`path` has `{names}`; a `body` of `dict` is any JSON object. `described_body` is what is said of it where that is more. `errors` are the codes it may answer with."""

    method: str
    path: str
    summary: str
    handler: Callable[[Call], Awaitable[Any]]
    response: Any
    body: Any = None
    body_required: bool = True
    described_body: Any = None
    query: type[msgspec.Struct] | None = None
    status: int = 200
    if_match: bool = False
    errors: tuple[str, ...] = ()


class PageQuery(Request, frozen=True):
    """`limit` rows at most; `cursor` is the `nextCursor` of the page before, empty for the first."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(max_length=200)] = ""


class GatewayQuery(PageQuery, frozen=True):
    """Of one `service` only, if it is given."""

    service: Annotated[str, Meta(max_length=60)] = ""


class ActionOptions(Request, frozen=True):
    """`holdLock` (freeze only): do not wait for a transaction boundary."""

    hold_lock: bool = False
