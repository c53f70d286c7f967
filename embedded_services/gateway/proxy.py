"""Hands a request to the service that its route names, and the answer back.

A small body is read first, so that it can be sent again if an instance fails; a larger one streams through and is sent
once. The path goes on without `/api`, the query byte for byte.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final

from embedded_services.gateway.affinity import affinity
from embedded_services.gateway.exchange import Exchange
from embedded_services.gateway.headers import VIA, client_block, downstream_headers, exchange_block
from embedded_services.gateway.http import NO_BODY, Body, Headers, Response, WholeBody
from embedded_services.gateway.routes import API
from embedded_services.gateway.story import Calling
from embedded_services.upstream.client import UpstreamClient
from embedded_services.upstream.direct import DirectCall, Outcome
from embedded_services.upstream.failures import UpstreamError
from embedded_services.upstream.messages import NOTHING, Pairs, UpstreamRequest, UpstreamResponse

SMALL: Final = 64 * 1024
"""Bytes of a body that is kept until the answer is there."""


def start(
    exchange: Exchange, service: str, upstream: UpstreamClient, told: Callable[[Outcome], None]
) -> DirectCall | None:
    """Hand the request on without waiting: `told` hears what becomes of it, which `answer` makes ours. None if it
    takes more than that: then `proxy` does it."""
    request = exchange.request
    body = request.body
    if exchange.story is not None or request.upgrade is not None:
        return None
    if body is NO_BODY:
        return upstream.start(service, _to_instance(exchange, service, upstream, b"", 0), told)
    if isinstance(body, WholeBody):
        data = body.data
        return upstream.start(service, _to_instance(exchange, service, upstream, data, len(data)), told)
    return None


async def proxy(exchange: Exchange, service: str, upstream: UpstreamClient) -> Response:
    """Raises ApiError, UpstreamError among them, when there is no answer to hand back."""
    request = exchange.request
    body, length = (b"", 0) if request.body is NO_BODY else await _body(request.body)
    story = exchange.story
    began = exchange.started if story is None else story.now()
    try:
        response = await upstream.call(service, _to_instance(exchange, service, upstream, body, length))
    except UpstreamError as error:
        exchange.calls = (Calling(service, began, error.attempts),)
        raise
    return answer(exchange, service, began, response)


def answer(exchange: Exchange, service: str, began: float, response: UpstreamResponse) -> Response:
    """What the client gets to see of an instance's answer."""
    if response.attempts:
        exchange.calls = (Calling(service, began, response.attempts),)
    exchange.instance, exchange.tries = response.instance, response.tries
    if response.failed:
        exchange.note = "; ".join(f"{failed.instance} {failed.reason}" for failed in response.failed)
    fields = downstream_headers(response.headers)
    block = f"{VIA}X-Service-Instance: {response.instance}\r\n".encode()
    if response.status == 101:
        upgrade = Headers(response.headers).get(b"upgrade") or b""
        return Response(101, fields, response.body, upgrade=upgrade, block=block)
    if exchange.request.method == "HEAD" and response.length is None:
        return Response(response.status, fields, NOTHING, block=block)
    return Response(response.status, fields, response.body, response.length, block=block)


def _to_instance(
    exchange: Exchange,
    service: str,
    upstream: UpstreamClient,
    body: bytes | AsyncIterator[bytes],
    length: int | None,
) -> UpstreamRequest:
    request = exchange.request
    upgrade = request.upgrade
    headers: Pairs = []
    if upgrade is not None:
        headers = [(b"Connection", b"Upgrade"), (b"Upgrade", upgrade.protocol)]
    key = upstream.affinity_of(service)
    return UpstreamRequest(
        request.method,
        request.target[len(API) :].encode(),
        headers,
        body,
        length,
        request.headers.get(b"idempotency-key") is not None,
        exchange.sampled,
        affinity(exchange, key) if key is not None else None,
        upgraded=None if upgrade is None else upgrade.incoming,
        block=client_block(request) + exchange_block(exchange),
        touches=exchange.touches,
    )


async def _body(body: Body) -> tuple[bytes | AsyncIterator[bytes], int | None]:
    """The whole body if it is small, else a stream of it and its length if that is known."""
    if body.length is not None and body.length > SMALL:
        return _stream([], body), body.length
    pieces: list[bytes] = []
    size = 0
    while piece := await body.read():
        pieces.append(piece)
        size += len(piece)
        if size > SMALL:
            return _stream(pieces, body), None
    return b"".join(pieces), size


async def _stream(begun: list[bytes], body: Body) -> AsyncIterator[bytes]:
    for piece in begun:
        yield piece
    begun.clear()
    while piece := await body.read():
        yield piece
