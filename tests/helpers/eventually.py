"""Waiting for something that gives no event: another program's window, a file that appears."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.02


async def until(look: Callable[[], Awaitable[T | None]], within_s: float = 30.0) -> T:
    """The first thing that `look` finds."""
    async with asyncio.timeout(within_s):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(LOOK_S)
