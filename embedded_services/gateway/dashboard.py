"""`/api/dashboard`: one answer put together from several services, asked at the same time.

The parts are settings. One that is away leaves its place null and its service in `unavailable`; only when all are away
is the dashboard itself an error.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from embedded_services.common.clock import iso_utc
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.gateway import Attempt
from embedded_services.contracts.settings import DashboardPart
from embedded_services.gateway.exchange import Exchange
from embedded_services.gateway.headers import exchange_block
from embedded_services.gateway.story import Calling
from embedded_services.telemetry.spans import new_span_id
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse

PATH: Final = "/api/dashboard"
PART_S: Final = 5.0
_MAX_PART: Final = 1024 * 1024

log = logging.getLogger(__name__)


class _Unavailable(Exception):  # noqa: N818 - an outcome, told in the answer
    """A part that cannot be shown, and why."""


async def dashboard(
    parts: Mapping[str, DashboardPart],
    upstream: UpstreamClient,
    exchange: Exchange,
    user: str,
    client: bytes,
) -> tuple[bytes, str]:
    """The dashboard of `user` as JSON, and why any part of it is missing; `client` is the block of fields by which
    the services are told of who asks. Raises
    ApiError AGGREGATION_FAILED."""
    results = await asyncio.gather(
        *(_ask(name, part, upstream, exchange, user, client) for name, part in parts.items())
    )
    values = dict(zip(parts, results, strict=True))
    missing = {name: str(value) for name, value in values.items() if isinstance(value, _Unavailable)}
    why = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    if missing and len(missing) == len(values):
        log.warning("no part of the dashboard is there: %s", why)
        raise ApiError("AGGREGATION_FAILED", "Failed to aggregate dashboard data")
    answer: dict[str, Any] = {
        name: None if isinstance(value, _Unavailable) else value for name, value in values.items()
    }
    answer["timestamp"] = iso_utc(exchange.at)
    answer["partial"] = bool(missing)
    answer["unavailable"] = list(dict.fromkeys(parts[name].service for name in missing))
    return msgspec.json.encode(answer), why


async def _ask(
    name: str, part: DashboardPart, upstream: UpstreamClient, exchange: Exchange, user: str, client: bytes
) -> Any:
    """The part's value, or `_Unavailable`."""
    path = part.path.replace("{userId}", quote(user, safe=""))
    request = UpstreamRequest(
        "GET",
        path.encode(),
        [],
        explain=exchange.sampled,
        block=client + exchange_block(exchange),
        touches=exchange.touches,
    )
    try:
        async with asyncio.timeout(PART_S):
            response = await _call(name, part.service, upstream, exchange, request, client)
            body = await response.read(_MAX_PART)
        if response.status != 200:
            return _Unavailable(f"{response.instance} answered {response.status}")
        return _select(body, part.select)
    except TimeoutError:
        return _Unavailable(f"{part.service} took longer than {PART_S:g} s")
    except (ApiError, msgspec.DecodeError, ValueError, RecursionError) as error:
        return _Unavailable(str(error))


async def _call(
    name: str,
    service: str,
    upstream: UpstreamClient,
    exchange: Exchange,
    request: UpstreamRequest,
    client: bytes,
) -> UpstreamResponse:
    """The call for a part. In a sampled request it is a span of its own, below which the service puts its."""
    story = exchange.story
    if story is None:
        return await upstream.call(service, request)
    span = new_span_id()
    request.block = client + exchange_block(exchange, exchange.trace._replace(span_id=span))
    began = story.now()
    attempts: tuple[Attempt, ...] = ()
    try:
        response = await upstream.call(service, request)
        attempts = response.attempts
    except UpstreamError as error:
        attempts = error.attempts
        raise
    finally:
        call = Calling(service, began, attempts, span, f"part {name}", story.now() - began)
        exchange.calls = (*exchange.calls, call)
    return response


def _select(body: bytes, field: str | None) -> Any:
    value = msgspec.json.decode(body)
    if field is None:
        return value
    if not isinstance(value, dict) or field not in value:
        return _Unavailable(f"the answer has no field {field!r}")
    return value[field]
