"""A lane: one thread that does blocking work in order, for an event loop that must not block.

What waits is bounded: under more load than the thread can take, a caller hears so at once instead of waiting for an
answer that would come too late. It is the standard library's executor with less between the loop and the thread: a hop
there and back takes half the time, and every request of a service makes several.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from embedded_services.contracts.errors import ApiError

T = TypeVar("T")
_Job: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any], asyncio.AbstractEventLoop]"

CLOSED: Final = "the lane is closed"


class Lane:
    def __init__(self, name: str, *, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._waiting = 0
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, work: Callable[[], T], *, bounded: bool = True) -> T:
        """What `work` returns or raises. ApiError SERVICE_UNAVAILABLE when too much waits, unless not `bounded`.

        A caller that is cancelled does not stop work that has begun.
        """
        self.admit(bounded=bounded)
        if self._closed:
            raise RuntimeError(CLOSED)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting += 1
        self._jobs.put((work, future, loop))
        try:
            return await future
        finally:
            self._waiting -= 1

    def admit(self, *, bounded: bool) -> None:
        """Raises ApiError SERVICE_UNAVAILABLE when too much waits, unless not `bounded`."""
        if bounded and self._waiting >= self._limit:
            raise ApiError("SERVICE_UNAVAILABLE", f"Too many requests are waiting for the {self._name}")

    async def close(self) -> None:
        """Let the work under way end; whoever waits for what has not begun is cancelled."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            if self._closed:
                _tell(loop, future.cancel)
                continue
            if future.cancelled():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where the work is waited for
                _tell(loop, _fail, future, error)
            else:
                _tell(loop, _give, future, result)
            del job, work, future  # what waits for the next job keeps nothing of this one


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *given: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(call, *given)


def _give(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
