"""Tasks of the window: every one has an owner, a name, and someone who hears of its failure.

The only place of the window that creates asyncio tasks. A task ends with its owner: when the QObject is destroyed, the
task is cancelled, so that nothing touches widgets that are gone. Slots stay plain `@Slot`s that call `spawn`.

    def _on_drain_requested(self, instance: str) -> None:
        _ = spawn(self, self._drain(instance), f"drain {instance}", on_error=self._panel.show_failure)
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QObject

T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()
"""asyncio itself holds tasks weakly: one that nobody holds could be collected half-way."""


def spawn(
    owner: QObject,
    coroutine: Coroutine[Any, Any, T],
    name: str,
    *,
    on_error: Callable[[Exception], None] | None = None,
) -> asyncio.Task[T]:
    """Run `coroutine` until it ends, the returned task is cancelled, or `owner` is destroyed.

    What it raises goes to `on_error`; without one, to the loop's exception handler, which is for bugs. Not for a task
    that the caller awaits: its failure would be told twice.
    """
    task = asyncio.create_task(coroutine, name=f"{owner.objectName() or type(owner).__name__}:{name}")
    _running.add(task)

    def end() -> None:
        task.cancel()

    owner.destroyed.connect(end)

    def done(_: asyncio.Task[T]) -> None:
        _running.discard(task)
        if shiboken6.isValid(owner):
            owner.destroyed.disconnect(end)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if on_error is not None and isinstance(error, Exception) and shiboken6.isValid(owner):
            on_error(error)
        else:
            task.get_loop().call_exception_handler(
                {"message": f"task {task.get_name()} failed", "exception": error, "task": task}
            )

    task.add_done_callback(done)
    return task


class Latest:
    """Of several requests only the newest counts: starting one cancels the one before it."""

    def __init__(self, owner: QObject) -> None:
        self._owner = owner
        self._task: asyncio.Task[Any] | None = None

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, Any],
        name: str,
        *,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.cancel()
        self._task = spawn(self._owner, coroutine, name, on_error=on_error)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()
