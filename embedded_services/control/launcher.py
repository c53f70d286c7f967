"""Starts child processes, through a forkserver with the imports loaded where there is fork."""

import asyncio
from collections.abc import Callable
from multiprocessing.context import BaseContext
from typing import Any

from embedded_services.common import platform


class Child:
    """A process that was started. `exit_code` is None while it runs; negative is the signal that ended it."""

    def __init__(self, process: Any, on_exit: Callable[["Child"], None]) -> None:
        self._process = process
        self._on_exit = on_exit
        self._exited = asyncio.Event()
        self.pid: int = process.pid
        self._unwatch = platform.watch_exit(asyncio.get_running_loop(), process.sentinel, self._end)

    @property
    def exit_code(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    @property
    def running(self) -> bool:
        return not self._exited.is_set()

    async def wait(self) -> None:
        """Until it has ended."""
        await self._exited.wait()

    def _end(self) -> None:
        self._process.join()
        self._exited.set()
        self._on_exit(self)

    def signal(self, act: Callable[[int], None]) -> None:
        """Do `act(pid)` unless it has ended: a pid is never used after its process was reaped."""
        if self.running and self.exit_code is None:
            act(self.pid)


class Launcher:
    def __init__(self, context: BaseContext) -> None:
        self._context = context

    def start(
        self, name: str, target: Callable[..., None], args: tuple[Any, ...], on_exit: Callable[[Child], None]
    ) -> Child:
        """Start `target(*args)`. `on_exit` is called in the loop once it has ended, within milliseconds."""
        process = self._context.Process(target=target, args=args, name=name, daemon=True)  # type: ignore[attr-defined]
        process.start()
        return Child(process, on_exit)


async def end_within(child: Child, seconds: float) -> None:
    """Wait for the end of a process that was asked to stop, and kill it if it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            await child.wait()
    except TimeoutError:
        child.signal(platform.kill)
        await child.wait()
