"""Faults of a service's own answers: a health check that lies, either way; and how the answer tells what faults were met."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from embedded_services.contracts.errors import ErrorBody, ErrorEnvelope
from embedded_services.faults import touched
from embedded_services.faults.armed import LocalFaults
from embedded_services.faults.params import FalseAlarm, LyingHealth

HEALTH: Final = "/health"


async def answer_under_faults(
    faults: LocalFaults,
    request: web.BaseRequest,
    answer: Callable[[web.BaseRequest], Awaitable[web.Response]],
) -> web.Response:
    """Answer while something is armed, here or elsewhere. `answer` is how it is done otherwise."""
    touches = touched.begin(request.headers.get("X-Request-ID", ""), request.headers.get("traceparent", ""))
    response = _lie(faults, request) or await answer(request)
    if touches.faults:
        response.headers[touched.HEADER] = touches.tell()
    return response


def _lie(faults: LocalFaults, request: web.BaseRequest) -> web.Response | None:
    if request.rel_url.raw_path != HEALTH:
        hit = faults.ask("lying-health")
        params = hit.params if hit is not None else None
        return _failed(params.status) if isinstance(params, LyingHealth) else None
    if faults.acting("lying-health"):
        return _json({"status": "healthy"}, 200)
    alarm = faults.ask("false-alarm")
    if alarm is not None and isinstance(alarm.params, FalseAlarm):
        return _json({"status": "unhealthy", "reason": "a fault says so"}, alarm.params.status)
    return None


def _failed(status: int) -> web.Response:
    error = ErrorBody(code="INTERNAL_ERROR", message="The service failed, as a fault made it")
    return _json(ErrorEnvelope(error=error), status)


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
