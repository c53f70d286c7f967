"""One try of a call on one instance, for who waits for it (`direct` is for who is told); and what is learned from any try."""

from typing import Final

from embedded_services.upstream.failures import TryError
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.retries import IDEMPOTENT, Fault
from embedded_services.upstream.service import Service
from embedded_services.upstream.stream import Stream
from embedded_services.upstream.target import Target
from embedded_services.upstream.transport import Connection

_HELD_UP_S: Final = 0.25
"""A try that ended so much later than it should have says more about us than about the instance."""


async def one_try(
    service: Service,
    target: Target,
    epoch: int,
    request: UpstreamRequest,
    began: float,
    timeout_s: float,
    deadline: bytes,
    *,
    fresh: bool = False,
) -> UpstreamResponse:
    """Carry out a try that `Service.begin` began, and end it. Raises TryError if there is no answer.

    `deadline` is the field that tells the instance of its time. `fresh` does without the connections that are kept.
    """
    injection = service.injection
    if injection is not None and injection.concerns(target.id, request):
        return await injection.one_try(
            service, target, epoch, request, began, timeout_s, deadline, fresh=fresh
        )
    pool = target.pool
    try:
        head = request.head(target.authority, deadline)
        connection = None
        if not fresh:
            repeatable = request.repeatable or request.method in IDEMPOTENT
            connection = pool.take(surely_alive=not repeatable)
        if connection is None:
            connection = await pool.connect(min(service.policy.connect_timeout_s, timeout_s))
        await connection.exchange(
            head,
            request.body,
            chunked=request.length is None,
            head_only=request.method == "HEAD",
            timeout_s=timeout_s,
            upgraded=request.upgraded,
        )
    except BaseException as error:
        learn_failed(service, target, epoch, began, timeout_s, error)
        raise
    answer = answer_of(service, target, epoch, began, connection, head_only=request.method == "HEAD")
    if service.hears and request.touches is not None:
        request.touches.hear(answer.headers)
    return answer


def answer_of(
    service: Service, target: Target, epoch: int, began: float, connection: Connection, *, head_only: bool
) -> UpstreamResponse:
    """The answer that `connection` has got. The try ends here, unless the body is still to come."""
    now = service.monotonic()
    took = now - began
    target.stats.latency.record(took, now)
    target.ewma.observe(took, now)
    reader = connection.reader
    status, headers = reader.status, reader.headers
    if not reader.complete:
        stream = Stream(service, target, epoch, connection, now)
        return UpstreamResponse(status, headers, stream, reader.length, target.id, took)
    body = reader.take()
    length = reader.length if head_only else len(body)
    target.pool.give(connection, now)
    service.end(target, epoch, now, failed=status >= 500 and status != 501)
    return UpstreamResponse(status, headers, body, length, target.id, took)


def learn_failed(
    service: Service, target: Target, epoch: int, began: float, timeout_s: float, error: BaseException | None
) -> None:
    """The try has ended without an answer. A caller that gave up says nothing about the instance."""
    now = service.monotonic()
    took = now - began
    failed: bool | None = None
    if isinstance(error, TryError) and _is_its_fault(error.fault, service, timeout_s, took):
        failed = True
        target.ewma.failed(took, now)
    else:
        target.ewma.at_least(took, now)
    service.end(target, epoch, now, failed=failed)


def _is_its_fault(fault: Fault, service: Service, timeout_s: float, took: float) -> bool:
    """A kept connection that had been closed says nothing about the instance. Nor does it that it did not manage in less
    time than a try should have, or while this very process was held up."""
    if fault is Fault.TIMEOUT:
        return timeout_s >= service.try_timeout_s and took < timeout_s + _HELD_UP_S
    if fault is Fault.UNREACHABLE:
        allowed = service.policy.connect_timeout_s
        return timeout_s >= allowed and took < allowed + _HELD_UP_S
    return fault is not Fault.STALE
