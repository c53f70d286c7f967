"""A newcomer's first five minutes, by mouse and keyboard alone, on a display without a screen.

What the hand does goes through the X server; what came of it is read where a newcomer cannot lie to himself: from the
control plane and the gateway.
"""

import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from app.desktop_entry import WINDOW_CLASS
from embedded_services.client.control_client import ControlClient
from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.contracts.instances import Change, Status
from embedded_services.contracts.runtime import Runtime
from embedded_services.contracts.system import RequestRecord
from tests.helpers.display import Display, virtual_display
from tests.helpers.eventually import until
from tests.helpers.system import END_S, MARK, ROOT, gone, marked

A_ROW = (300, 300)
"""Somewhere in the rows of the Services panel of a window that fills the display."""


TRIES, TRY_S = 4, 5.0
T = TypeVar("T")


class Hand:
    """Mouse and keyboard, on one window."""

    def __init__(self, display: Display, window: str) -> None:
        self._display = display
        self._window = window

    async def keys(self, *keys: str) -> None:
        await self._display.xdotool("key", "--clearmodifiers", *keys)

    async def types(self, text: str) -> None:
        await self._display.xdotool("type", text)

    async def chooses(self, action: str) -> None:
        """An action by its name, in the command palette."""
        await self.keys("ctrl+k")
        await self.types(action)
        await self.keys("Return")

    async def tries(self, act: Callable[[], Awaitable[None]], look: Callable[[], Awaitable[T | None]]) -> T:
        """As a person does who cannot see yet whether the window is ready: again, if nothing comes of it."""
        for _ in range(TRIES - 1):
            await act()
            try:
                return await until(look, TRY_S)
            except TimeoutError:
                await self.keys("Escape")
        await act()
        return await until(look)

    async def clicks(self, x: int, y: int) -> None:
        await self._display.xdotool("mousemove", "--window", self._window, str(x), str(y), "click", "1")


@asynccontextmanager
async def opened(display: Display, home: Path, workspace: Path, mark: str) -> AsyncIterator[None]:
    environment = {
        **display.environment,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        MARK: mark,
    }
    process = psutil.Popen(
        [sys.executable, "-m", "app", "--workspace", str(workspace)], cwd=ROOT, env=environment
    )
    try:
        yield
    finally:
        for left in marked(mark):
            left.kill()
        process.wait(10)


@pytest.mark.timeout(120)
async def test_a_newcomer_logs_in_sends_a_request_kills_an_instance_and_sees_it_recover(
    tmp_path: Path,
) -> None:
    mark, workspace = uuid.uuid4().hex, tmp_path / "shop"
    async with virtual_display() as display, opened(display, tmp_path, workspace, mark):

        async def ready() -> Runtime | None:
            try:
                runtime = read_runtime(workspace)
            except NoRuntimeError:
                return None
            return runtime if runtime.ready else None

        runtime = await until(ready)
        # Not before: the first window that is seen is perhaps the one that only says "starting".
        [window] = await until(lambda: display.windows(WINDOW_CLASS))
        async with ControlClient(runtime.control, runtime.token) as control:
            await display.xdotool("windowfocus", "--sync", window)
            hand = Hand(display, window)

            async def answered(path: str) -> RequestRecord | None:
                records = (await control.requests()).items
                return next((r for r in records if r.path == path and r.status == 200), None)

            async def log_in() -> None:
                await hand.chooses("Requests")
                await hand.chooses("Log in as customer")

            async def kill() -> None:
                await hand.chooses("Services")
                await hand.clicks(*A_ROW)
                await hand.keys("Delete")

            await hand.tries(log_in, lambda: answered("/api/auth/login"))
            sent = await hand.tries(
                lambda: hand.chooses("Send the request"), lambda: answered("/api/products")
            )
            assert sent.user == "usr_demo"

            async def killed() -> Change | None:
                changes = (await control.journal()).items
                return next((change for change in changes if "killed by you" in change.reason), None)

            victim = (await hand.tries(kill, killed)).instance

            async def recovered() -> bool:
                row = next(row for row in (await control.instances()).items if row.id == victim)
                return row.status is Status.HEALTHY and row.incarnation == 2

            assert await until(recovered)

            await hand.keys("ctrl+q")
        assert await gone(mark, END_S) == []
