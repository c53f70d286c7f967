"""Starts child processes, through a forkserver with the imports loaded where there is fork.

`prepare()` must run in the main thread, first of all: the forkserver dies with the thread that started it, and it
loads the children's imports while this process loads its own.
"""

import asyncio
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from embedded_services.common import platform
from embedded_services.setup import signals

PRELOAD = "embedded_services.control.preload"


def prepare() -> BaseContext:
    """Start the forkserver and return the context that starts processes through it."""
    context = multiprocessing.get_context(platform.start_method())
    if platform.start_method() == "forkserver":
        _make_importable()
        multiprocessing.set_forkserver_preload([PRELOAD])
        multiprocessing.resource_tracker.ensure_running()  # by itself: it lets signals through
        signals.hold()  # a Ctrl-C at the terminal reaches the forkserver too, until it has left the group
        multiprocessing.forkserver.ensure_running()
        signals.let_through()
    return context


def _make_importable() -> None:
    """The forkserver is a Python of its own: it must find this package wherever the current folder is."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if root not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([root, *paths])


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
