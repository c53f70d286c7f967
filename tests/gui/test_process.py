"""The window as a process: it comes and goes whole, however it is ended, and there is one a workspace."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject

from app.qt.single_instance import FirstInstance
from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.common.clock import SystemClock
from embedded_services.common.platform import die_with_parent
from embedded_services.contracts.runtime import Runtime
from tests.helpers.qt import eventually
from tests.helpers.system import away_from_others

ROOT = Path(__file__).resolve().parents[2]
ENDS = 3
END_S = 2.5
"""The interpreter's own end is in it."""


@asynccontextmanager
async def started(workspace: Path, config: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "--workspace", str(workspace),
        cwd=ROOT, stderr=PIPE, env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(config)},
        preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(workspace: Path) -> Runtime:
    found: list[Runtime] = []

    def look() -> bool:
        try:
            found.append(read_runtime(workspace))
        except NoRuntimeError:
            return False
        return found[-1].ready

    await eventually(look, 30)
    return found[-1]


def alive(runtime: Runtime) -> list[str]:
    return [own.name for own in runtime.processes if psutil.pid_exists(own.pid) and not _is_zombie(own.pid)]


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.mark.timeout(150)
async def test_asked_to_end_it_stops_everything_within_two_seconds(tmp_path: Path) -> None:
    """Whatever else this machine does: of a few ends, one is not held up by others. All of them are whole."""
    took: list[float] = []
    while len(took) < ENDS and not any(seconds < END_S for seconds in took):
        took.append(await seconds_to_end(tmp_path / f"{len(took)}"))
    assert min(took) < END_S, took


async def seconds_to_end(folder: Path) -> float:
    folder.mkdir()
    async with started(away_from_others(folder / "ws"), folder) as process:
        runtime = await ready(folder / "ws")
        began = SystemClock().monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = await process.communicate()
        took = SystemClock().monotonic() - began
        assert process.returncode == 0, said.decode()
        assert alive(runtime) == []
        assert (folder / "faultdeck" / "window.json").exists(), "it remembered how it was left"
        return took


async def test_killed_it_takes_everything_with_it(tmp_path: Path) -> None:
    async with started(tmp_path / "ws", tmp_path) as process:
        runtime = await ready(tmp_path / "ws")
        assert len(alive(runtime)) >= 10
        process.kill()
        await eventually(lambda: alive(runtime) == [], 2)


async def test_a_second_start_raises_the_first_window_and_ends(tmp_path: Path, qtbot: object) -> None:
    raised: list[int] = []
    owner = QObject()
    first = FirstInstance((tmp_path / "ws").resolve(), lambda: raised.append(1), owner)
    assert first.is_listening
    async with started(tmp_path / "ws", tmp_path) as second:
        _, said = await asyncio.wait_for(second.communicate(), 20)
        assert (second.returncode, raised) == (0, [1])
        assert b"it was raised" in said
        assert not (tmp_path / "ws").exists(), "it started nothing"
    owner.deleteLater()
