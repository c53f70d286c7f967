"""Waiting for what the window will show, in coroutines and without sleeping longer than it takes."""

import asyncio
from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QApplication, QLabel, QWidget

LOOK_S = 0.005


async def eventually(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Return as soon as `condition` holds; fail with what it is when it does not in time."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - what a window comes to show raises no event here
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {_said(condition)}") from None


def _said(condition: Callable[[], object]) -> str:
    """What was waited for, as far as a callable tells of itself."""
    if isinstance(condition, partial):
        return f"{_said(condition.func)} of {', '.join(map(repr, condition.args))}"
    code = getattr(condition, "__code__", None)
    names = " ".join(code.co_names) if code is not None else ""
    return f"{getattr(condition, '__qualname__', repr(condition))} ({names})"


def settle() -> None:
    """Let Qt lay out and paint what is pending. Not inside a coroutine that a task of the window could interrupt."""
    QApplication.processEvents()


def texts(widget: QWidget) -> list[str]:
    """All that the visible labels of a widget say."""
    return [
        label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget) and label.text()
    ]
