"""The rest of a response that is still coming, and the end of its call: a `messages.BodyStream`."""

from typing import Self

from embedded_services.upstream.breaker import UNJUDGED
from embedded_services.upstream.failures import BrokenBodyError, TryError, is_failure
from embedded_services.upstream.service import Service
from embedded_services.upstream.target import Target
from embedded_services.upstream.transport import Connection


class Stream:
    __slots__ = ("_connection", "_ended", "_epoch", "_service", "_status", "_target")

    def __init__(
        self, service: Service, target: Target, epoch: int, connection: Connection, now: float
    ) -> None:
        self._service = service
        self._target = target
        self._connection = connection
        self._status = connection.reader.status
        self._ended = False
        probed = service.answered(target, epoch, now, failed=is_failure(self._status))
        self._epoch = UNJUDGED if probed else epoch

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            piece = await self._connection.more(self._service.body_idle_s)
        except TryError as failure:
            if not is_failure(self._status):
                self._service.failures += 1
            self._end(failed=True)
            raise BrokenBodyError(self._target.id, f"broke off its answer: it {failure}") from None
        except BaseException:
            self._end(failed=None)
            raise
        if not piece:
            self._end(failed=is_failure(self._status))
            raise StopAsyncIteration
        return piece

    def break_off(self) -> BrokenBodyError:
        """As if the instance had ended the connection here. Returns what to raise."""
        self._connection.close()
        if not is_failure(self._status):
            self._service.failures += 1
        self._end(failed=True)
        return BrokenBodyError(
            self._target.id, "broke off its answer: it closed the connection without an answer"
        )

    def close(self) -> None:
        if not self._ended:
            self._connection.close()
            self._end(failed=True if is_failure(self._status) else None)

    def _end(self, *, failed: bool | None) -> None:
        if not self._ended:
            self._ended = True
            now = self._service.monotonic()
            self._target.pool.give(self._connection, now)
            self._service.end(self._target, self._epoch, now, failed=failed)
