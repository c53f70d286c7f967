"""A clock that a test turns by hand."""

import asyncio
import heapq
from itertools import count


class FakeClock:
    """Stands still until `advance`. `now` and `monotonic` start apart, so that mixing them up shows."""

    def __init__(self, now: float = 1_700_000_000.0, monotonic: float = 5_000.0) -> None:
        self._wall = now
        self._monotonic = monotonic
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def now(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._numbers), woken))
        await woken

    def sleeping(self) -> int:
        """How many sleep now."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    def pass_time(self, seconds: float) -> None:
        """Let time pass that nobody sleeps through, as in a test without a loop."""
        self._wall += seconds
        self._monotonic += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its moment and letting all that follows happen before the next."""
        end = self._monotonic + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.pass_time(max(0.0, at - self._monotonic))
                woken.set_result(None)
                await settle()
        self.pass_time(end - self._monotonic)


async def settle() -> None:
    """Let every task run until it waits for something outside the loop (a few hops from one to the next included)."""
    for _ in range(20):
        await asyncio.sleep(0)
