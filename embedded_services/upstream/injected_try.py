"""One try of a call, with what faults do to it. The order is `faults.precedence`'s.

What is damaged is damaged as an instance would: a connection that is dropped is closed, a body that is cut off ends its
connection, an answer that is slow counts against the time of the try.
"""

import logging
from typing import Final, Protocol, Self

import msgspec

from embedded_services.contracts.errors import STATUS_OF, ErrorBody, ErrorEnvelope
from embedded_services.faults.armed import Held
from embedded_services.faults.params import (
    Abort,
    Bandwidth,
    Delay,
    DropConnection,
    MalformedBody,
    TruncateBody,
)
from embedded_services.upstream.failures import TryError, is_failure
from embedded_services.upstream.messages import UpstreamRequest, UpstreamResponse
from embedded_services.upstream.one_try import answer_of, learn_failed
from embedded_services.upstream.retries import IDEMPOTENT, Fault
from embedded_services.upstream.service import Service
from embedded_services.upstream.stream import Stream
from embedded_services.upstream.target import Target
from embedded_services.upstream.transport import Connection

_SLICE_S: Final = 0.05
"""Of a body that travels slowly, so much arrives at a time."""
_EARLY_S: Final = 0.005
"""Timers may fire so much before their time."""
_CODES: Final = {status: code for code, status in reversed(STATUS_OF.items())}

log = logging.getLogger(__name__)


class Injecting(Protocol):
    """Of the process: `injection.Injector`."""

    def now(self) -> float: ...
    def is_in_force(self, held: Held) -> bool: ...
    async def hold_up(self, held: Held, seconds: float) -> float: ...
    def strikes(self, held: Held, request: UpstreamRequest) -> None: ...


class InjectedTry:
    """`held` are the faults that are aimed at it, in the order in which they act."""

    def __init__(
        self,
        held: list[Held],
        injecting: Injecting,
        service: Service,
        target: Target,
        epoch: int,
        request: UpstreamRequest,
    ) -> None:
        self._held = held
        self._injecting = injecting
        self._service = service
        self._target = target
        self._epoch = epoch
        self._request = request
        self._connection: Connection | None = None
        self._slow: list[tuple[Held, float]] = []
        """Bandwidths, in bytes a second."""
        self._held_up_s = 0.0
        self._until = 0.0
        self._began = 0.0

    async def run(self, began: float, timeout_s: float, deadline: bytes, *, fresh: bool) -> UpstreamResponse:
        """Raises TryError if there is no answer. Ends what `Service.begin` began, as `one_try` does."""
        self._began, self._until = began, began + timeout_s
        try:
            if any(held.by_connection for held in self._held):
                self._connection = await self._connect(fresh=fresh)
            status = await self._before()
            if status == 0:
                await self._after(await self._exchange(deadline, fresh=fresh))
        except BaseException as error:
            if self._connection is not None:
                self._connection.close()
            learn_failed(self._service, self._target, self._epoch, began, timeout_s, error)
            raise
        connection = self._connection
        if status or connection is None:
            return self._aborted(status)
        head_only = self._request.method == "HEAD"
        answer = answer_of(self._service, self._target, self._epoch, began, connection, head_only=head_only)
        if self._service.hears and self._request.touches is not None:
            self._request.touches.hear(answer.headers)
        return self._damaged(answer)

    # --- before the instance hears of it ---

    async def _before(self) -> int:
        """The status that answers in the instance's place, 0 if none does."""
        for held in self._held:
            params = held.params
            if isinstance(params, Delay):
                if self._decide(held):
                    await self._hold_up(held, held.drawn_delay_s())
            elif isinstance(params, DropConnection):
                if params.when == "before-request" and self._decide(held):
                    self._lose(held)
            elif isinstance(params, Abort):
                if self._decide(held):
                    if self._request.touches is not None and not is_failure(params.status):
                        self._request.touches.add(held.id, ruined=True)
                    return params.status
            elif isinstance(params, Bandwidth) and self._decide(held):
                self._slow.append((held, params.kb_per_s * 1000.0))
        return 0

    async def _exchange(self, deadline: bytes, *, fresh: bool) -> Connection:
        request = self._request
        head = request.head(self._target.authority, deadline)
        if isinstance(request.body, bytes):
            await self._travel(len(request.body))
        connection = self._connection
        if connection is None:
            self._connection = connection = await self._connect(fresh=fresh)
        await connection.exchange(
            head,
            request.body,
            chunked=request.length is None,
            head_only=request.method == "HEAD",
            timeout_s=self._left(),
            upgraded=request.upgraded,
        )
        return connection

    async def _connect(self, *, fresh: bool) -> Connection:
        request, pool = self._request, self._target.pool
        if not fresh:
            repeatable = request.repeatable or request.method in IDEMPOTENT
            connection = pool.take(surely_alive=not repeatable)
            if connection is not None:
                return connection
        allowed = min(self._service.policy.connect_timeout_s, self._left())
        return await pool.connect(allowed)

    # --- once it has answered ---

    async def _after(self, connection: Connection) -> None:
        """What happens to an answer on its way, as far as it keeps the answer from arriving."""
        reader = connection.reader
        if reader.switched:
            return
        for held in self._held:
            params = held.params
            if isinstance(params, DropConnection):
                if params.when == "after-request" and self._decide(held):
                    self._lose(held)
            elif isinstance(params, TruncateBody):
                if reader.complete and reader.buffered and self._decide(held):
                    self._lose(held)
            elif isinstance(params, MalformedBody) and params.what == "http" and self._decide(held):
                self._wasted(held)
                raise TryError(Fault.GARBAGE, "as it was made to")
        if reader.complete:
            await self._travel(reader.buffered)

    def _damaged(self, answer: UpstreamResponse) -> UpstreamResponse:
        """An answer whose body is spoilt, or will be."""
        if isinstance(answer.body, Stream):
            cut = self._first_of(TruncateBody) if answer.status != 101 else None
            spoilt = None if cut is not None else self._spoiling()
            if cut is not None or spoilt is not None or self._slow:
                answer.body = InjectedBody(answer, answer.body, self._injecting, cut, spoilt, self._slow)
        elif isinstance(answer.body, bytes) and answer.body and self._spoiling() is not None:
            answer.body = spoil(answer.body)
        return answer

    def _spoiling(self) -> Held | None:
        for held in self._held:
            if isinstance(held.params, MalformedBody) and held.params.what == "json" and self._decide(held):
                if self._request.touches is not None:
                    self._request.touches.add(held.id, ruined=True)
                return held
        return None

    def _first_of(self, kind: type[TruncateBody]) -> Held | None:
        return next(
            (held for held in self._held if isinstance(held.params, kind) and self._decide(held)), None
        )

    def _aborted(self, status: int) -> UpstreamResponse:
        """The answer that the instance seems to have given."""
        service, target, now = self._service, self._target, self._service.monotonic()
        took = now - self._began
        target.stats.latency.record(took, now)
        target.ewma.observe(took, now)
        if self._connection is not None:
            target.pool.put_back(self._connection, now)
        service.end(target, self._epoch, now, failed=is_failure(status))
        return abort_answer(status, target.id, took, bodiless=self._request.method == "HEAD")

    # --- what is common ---

    def _decide(self, held: Held) -> bool:
        if not self._injecting.is_in_force(held):  # it was taken back while this try was under way
            return False
        now = self._injecting.now()
        if held.by_connection and self._connection is not None:
            struck = held.decide_for(self._connection.fates, now)
        else:
            struck = held.decide(now)
        if struck:
            self._injecting.strikes(held, self._request)
        return struck

    async def _hold_up(self, held: Held, seconds: float) -> None:
        """Raises TryError when the try has no time left after that."""
        left = max(0.0, self._left())
        waited = await self._injecting.hold_up(held, min(seconds, left))
        self._held_up_s += waited
        if self._request.touches is not None:
            self._request.touches.add(held.id, waited)
        if self._left() <= 0.0 or (seconds >= left and waited > left - _EARLY_S):
            raise TryError(Fault.TIMEOUT)

    async def _travel(self, size: int) -> None:
        for held, rate in self._slow:
            if size:
                await self._hold_up(held, size / rate)

    def _lose(self, held: Held) -> None:
        self._wasted(held)
        raise TryError(Fault.BROKEN)

    def _wasted(self, held: Held) -> None:
        """The time of this try was for nothing."""
        if self._request.touches is not None:
            lost = self._injecting.now() - self._began - self._held_up_s
            self._request.touches.add(held.id, max(0.0, lost))

    def _left(self) -> float:
        return self._until - self._injecting.now()


class InjectedBody:
    """A body that streams, and is slow, breaks off, or cannot be understood: a `messages.BodyStream`."""

    def __init__(
        self,
        answer: UpstreamResponse,
        stream: Stream,
        injecting: Injecting,
        cut: Held | None,
        spoilt: Held | None,
        slow: list[tuple[Held, float]],
    ) -> None:
        self._stream = stream
        self._injecting = injecting
        self._spoilt = spoilt
        self._slow = slow
        self._rest = b""
        self._left: int | None = None
        self._fraction = 1.0
        if cut is not None and isinstance(cut.params, TruncateBody):
            self._fraction = cut.params.fraction
            if answer.length is not None:
                self._left = int(answer.length * self._fraction)
        self._cut = cut is not None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0 and not self._rest:
            raise self._stream.break_off()
        piece, fresh = self._rest or await anext(self._stream), not self._rest
        self._rest = b""
        if self._spoilt is not None:
            piece, self._spoilt = spoil(piece), None
        if self._cut and fresh:
            if self._left is None:  # nobody knows how long it is: it breaks off in its first piece
                self._left = int(len(piece) * self._fraction)
            piece = piece[: self._left]
            self._left -= len(piece)
            if not piece:
                raise self._stream.break_off()
        return await self._travelled(piece)

    async def _travelled(self, piece: bytes) -> bytes:
        """As much of a piece as arrives at once."""
        acting = [(held, rate) for held, rate in self._slow if held.acts(self._injecting.now())]
        if acting:
            slowest = min(rate for _, rate in acting)
            size = max(1, int(slowest * _SLICE_S))
            piece, self._rest = piece[:size], piece[size:]
            for held, rate in acting:
                await self._injecting.hold_up(held, len(piece) / rate)
        return piece

    def close(self) -> None:
        self._stream.close()


def spoil(body: bytes) -> bytes:
    """As long as it was, and no JSON: its first half is replaced."""
    half = (len(body) + 1) // 2
    return b"%" * half + body[half:]


def abort_answer(status: int, instance: str, took: float, *, bodiless: bool) -> UpstreamResponse:
    code = _CODES.get(status) or ("INTERNAL_ERROR" if status >= 500 else "VALIDATION_FAILED")
    error = ErrorBody(code=code, message=f"{instance} answered {status}, as a fault made it")
    body = msgspec.json.encode(ErrorEnvelope(error=error))
    headers = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
    return UpstreamResponse(status, headers, b"" if bodiless else body, len(body), instance, took)
