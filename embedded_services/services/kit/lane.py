"""A lane: one thread that does blocking work in order, for an event loop that must not block.

What waits is bounded: under more load than the thread can take, a caller hears so at once instead of waiting for an
answer that would come too late.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from embedded_services.contracts.errors import ApiError

T = TypeVar("T")


class Lane:
    def __init__(self, name: str, *, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], *, bounded: bool = True) -> T:
        """What `work` returns or raises. ApiError SERVICE_UNAVAILABLE when too much waits, unless not `bounded`.

        A caller that is cancelled does not stop work that has begun.
        """
        self.admit(bounded=bounded)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def admit(self, *, bounded: bool) -> None:
        """Raises ApiError SERVICE_UNAVAILABLE when too much waits, unless not `bounded`."""
        if bounded and self._waiting >= self._limit:
            raise ApiError("SERVICE_UNAVAILABLE", f"Too many requests are waiting for the {self._name}")

    async def close(self) -> None:
        """Let the work under way end; drop what waits."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
