"""For tests of the window: no screen is needed, an exception in a slot or task fails the test, nothing is left behind.

Tests may be `async def`; they then run in the window's own kind of loop (qasync), on the one QApplication. Wait with
`await eventually(lambda: …)`, never with `qtbot.wait*` inside a coroutine: that runs a loop within the loop.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import asyncio

import pytest
import qasync
import shiboken6
from PySide6.QtCore import QAbstractItemModel, QEvent, QTimer
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QWidget

from app.core import language
from app.qt.theme import Theme


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"qt": lambda: qasync.QEventLoop(QApplication.instance() or QApplication([]))}


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["faultdeck-tests"]


@pytest.fixture(autouse=True)
def themed(qapp: QApplication) -> Theme:
    """The dark theme, in English, whatever the test before chose."""
    language.use(language.ENGLISH)
    found = qapp.property("faultdeckTheme") or Theme.install(qapp, "dark")
    assert isinstance(found, Theme)
    found.choose("dark")
    return found


@pytest.fixture(autouse=True)
def no_silent_failures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PySide hands what a slot or an overridden method raises to `sys.excepthook`, and a task's failure goes to the
    loop's handler, which prints: both must fail the test.
    """
    raised: list[str] = []

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        raised.append(f"{kind.__name__}: {error}")

    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        raised.append(f"{context['message']}: {context.get('exception')!r}")

    monkeypatch.setattr(sys, "excepthook", hook)
    monkeypatch.setattr(asyncio.BaseEventLoop, "default_exception_handler", handler)
    monkeypatch.setattr(qasync.QEventLoop, "default_exception_handler", handler, raising=False)
    yield
    if raised:
        pytest.fail("raised where nobody could catch it:\n" + "\n".join(raised), pytrace=False)


@pytest.fixture(autouse=True)
def nothing_left(qapp: QApplication) -> Iterator[None]:
    """Windows and running timers of a test end with it. qtbot closes what was given to `qtbot.addWidget`."""
    before = set(map(id, qapp.topLevelWidgets()))
    yield
    gc.collect()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [widget for widget in qapp.topLevelWidgets() if id(widget) not in before and _is_own(widget)]
    timers = [timer for widget in left for timer in widget.findChildren(QTimer) if timer.isActive()]
    for widget in left:
        widget.close()
        widget.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if left:
        names = [f"{type(widget).__name__} {widget.objectName()}" for widget in left]
        pytest.fail(f"widgets left open: {names}, with {len(timers)} running timers", pytrace=False)


def _is_own(widget: QWidget) -> bool:
    """Not Qt's own menus and tips, which it keeps for the next time."""
    return shiboken6.isValid(widget) and type(widget).__module__.startswith("app.")


@pytest.fixture
def check_model() -> Iterator[Callable[[QAbstractItemModel], None]]:
    """`check_model(model)`: from now on each change is checked against the rules of Qt's models."""
    testers = []

    def check(model: QAbstractItemModel) -> None:
        mode = QAbstractItemModelTester.FailureReportingMode.Fatal
        testers.append(QAbstractItemModelTester(model, mode))

    yield check
    testers.clear()
