"""How steps are carried out: one HTTP call to a service, through the resilient client, and what its answer means.

An answer below 500 is the service's word: 2xx did it, 4xx refused it. Everything else leaves open whether it happened,
unless nothing was sent at all.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.faults import touched
from embedded_services.sagas.definition import HttpCall
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import UpstreamRequest
from embedded_services.upstream.retries import NOTHING_SENT

MAX_ANSWER: Final = 256 * 1024
IDENTITY: Final = ((b"X-User-ID", ORCHESTRATOR.encode()), (b"X-User-Role", b"admin"))
"""Who asks, as the services know it: they believe who calls them directly, which the gateway's clients cannot."""


class Done(Struct, frozen=True):
    output: Mapping[str, Any]
    instance: str


class No(Struct, frozen=True):
    """This call was refused, and had no effect. `final`: it would be refused again."""

    error: str
    instance: str | None = None
    final: bool = False
    refusal: Mapping[str, Any] | None = None
    """The error in its answer."""


class Unknown(Struct, frozen=True):
    """It may have happened."""

    error: str
    instance: str | None = None


class Nobody(Struct, frozen=True):
    """Nothing was sent."""

    why: str


Answer: TypeAlias = Done | No | Unknown | Nobody


class Participants(Protocol):
    async def call(
        self, service: str, call: HttpCall, key: str, traceparent: str, timeout_s: float
    ) -> Answer:
        """Never raises but for being cancelled."""
        ...


class HttpParticipants:
    """The services of the system."""

    def __init__(self, upstream: UpstreamClient) -> None:
        self._upstream = upstream

    async def call(
        self, service: str, call: HttpCall, key: str, traceparent: str, timeout_s: float
    ) -> Answer:
        headers = [
            (b"Idempotency-Key", key.encode()),
            (b"traceparent", traceparent.encode()),
            *IDENTITY,
        ]
        return await self._send(service, call, headers, timeout_s)

    async def call_as(
        self, identity: Sequence[tuple[bytes, bytes]], service: str, call: HttpCall, timeout_s: float
    ) -> Answer:
        """A call that may be repeated, in somebody's name."""
        return await self._send(service, call, list(identity), timeout_s)

    async def _send(
        self, service: str, call: HttpCall, headers: list[tuple[bytes, bytes]], timeout_s: float
    ) -> Answer:
        body = b"" if call.body is None else msgspec.json.encode(call.body)
        if body:
            headers.append((b"Content-Type", b"application/json"))
        request = UpstreamRequest(
            call.method,
            call.path.encode(),
            headers,
            body,
            len(body),
            repeatable=True,
            within_s=timeout_s,
            touches=touched.current(),
        )
        try:
            response = await self._upstream.call(service, request)
            content = await response.read(MAX_ANSWER)
        except UpstreamError as error:
            if error.code == "SERVICE_UNAVAILABLE" and all(t.fault in NOTHING_SENT for t in error.tries):
                return Nobody(error.message)
            instance = error.tries[-1].instance if error.tries else None
            return Unknown(error.message, instance)
        return meaning(response.status, content, response.instance)


def meaning(status: int, content: bytes, instance: str) -> Answer:
    """What a service's answer says of a step."""
    if 200 <= status < 300:
        try:
            output = msgspec.json.decode(content) if content else {}
        except (msgspec.DecodeError, RecursionError) as error:
            return Unknown(f"answered {status} with what is no JSON: {error}", instance)
        return Done(output if isinstance(output, dict) else {"answer": output}, instance)
    refusal = _error_of(content)
    said = str(refusal.get("message") or (HTTPStatus(status).phrase if status in _STATUSES else ""))
    if 400 <= status < 500 and status not in _TRY_AGAIN:
        return No(said or f"answered {status}", instance, refusal=refusal or None)
    return Unknown(f"answered {status}: {said}" if said else f"answered {status}", instance)


_STATUSES: Final = frozenset(status.value for status in HTTPStatus)
_TRY_AGAIN: Final = frozenset({408, 425, 429})


def _error_of(content: bytes) -> dict[str, Any]:
    """What the error envelope holds; empty for another answer."""
    try:
        error = msgspec.json.decode(content)["error"]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
