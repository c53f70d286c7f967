"""`/api/dashboard`: one answer put together from several services, asked at the same time.

The parts are settings. One that is away leaves its place null and its service in `unavailable`; only when all are away
is the dashboard itself an error.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.settings import DashboardPart
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.messages import Pairs, UpstreamRequest

PATH: Final = "/api/dashboard"
PART_S: Final = 5.0
_MAX_PART: Final = 1024 * 1024

log = logging.getLogger(__name__)


class _Unavailable(Exception):  # noqa: N818 - an outcome, told in the answer
    """A part that cannot be shown, and why."""


async def dashboard(
    parts: Mapping[str, DashboardPart], upstream: UpstreamClient, user: str, headers: Pairs, now: float
) -> tuple[bytes, str]:
    """The dashboard of `user` as JSON, and why any part of it is missing; `headers` tell the services who asks. Raises
    ApiError AGGREGATION_FAILED."""
    results = await asyncio.gather(*(_ask(part, upstream, user, headers) for part in parts.values()))
    values = dict(zip(parts, results, strict=True))
    missing = {name: str(value) for name, value in values.items() if isinstance(value, _Unavailable)}
    why = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    if missing and len(missing) == len(values):
        log.warning("no part of the dashboard is there: %s", why)
        raise ApiError("AGGREGATION_FAILED", "Failed to aggregate dashboard data")
    answer: dict[str, Any] = {
        name: None if isinstance(value, _Unavailable) else value for name, value in values.items()
    }
    answer["timestamp"] = timestamp(now)
    answer["partial"] = bool(missing)
    answer["unavailable"] = list(dict.fromkeys(parts[name].service for name in missing))
    return msgspec.json.encode(answer), why


def timestamp(now: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _ask(part: DashboardPart, upstream: UpstreamClient, user: str, headers: Pairs) -> Any:
    """The part's value, or `_Unavailable`."""
    path = part.path.replace("{userId}", quote(user, safe=""))
    try:
        async with asyncio.timeout(PART_S):
            response = await upstream.call(part.service, UpstreamRequest("GET", path.encode(), headers))
            body = await response.read(_MAX_PART)
        if response.status != 200:
            return _Unavailable(f"{response.instance} answered {response.status}")
        return _select(body, part.select)
    except TimeoutError:
        return _Unavailable(f"{part.service} took longer than {PART_S:g} s")
    except (ApiError, msgspec.DecodeError, ValueError, RecursionError) as error:
        return _Unavailable(str(error))


def _select(body: bytes, field: str | None) -> Any:
    value = msgspec.json.decode(body)
    if field is None:
        return value
    if not isinstance(value, dict) or field not in value:
        return _Unavailable(f"the answer has no field {field!r}")
    return value[field]
