"""Every task has an owner, a name, and someone who hears of its failure.

The only place (besides the window's own) that creates asyncio tasks. An `asyncio.TaskGroup` would cancel all siblings
when one fails; a server wants the failure logged and the rest to go on.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Tasks:
    """The tasks of one owner. `async with Tasks("gateway") as tasks:` cancels and awaits them at the end."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> Callable[[], None]:
        """Start something that nobody awaits; its failure is logged with its traceback. Returns what cancels it."""
        task = self.start(coroutine, name)
        task.add_done_callback(_report)

        def cancel() -> None:
            task.cancel()

        return cancel

    def start(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start something that the caller awaits, and so hears of its failure; it still ends with its owner."""
        task = asyncio.create_task(coroutine, name=f"{self._owner}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task %s failed", task.get_name(), exc_info=error)
