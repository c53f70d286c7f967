"""A second start raises the first window, or waits for it to be gone."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer

from app.core.first_window import may_be_open, name_of
from app.qt.single_instance import FirstInstance, raise_first
from tests.helpers.qt import eventually

ROOT = Path(__file__).resolve().parents[3]
SECOND = "import sys; from pathlib import Path; from app.qt.single_instance import raise_first; print(raise_first(Path(sys.argv[1])))"


async def test_a_second_start_raises_the_first(tmp_path: Path) -> None:
    owner, raised = QObject(), []
    first = FirstInstance(tmp_path, lambda: raised.append(1), owner)
    assert first.is_listening
    assert may_be_open(tmp_path) is True
    assert await asyncio.to_thread(raise_first, tmp_path) is True
    await eventually(lambda: raised == [1])
    owner.deleteLater()


async def test_while_the_first_closes_the_second_waits_and_takes_over(tmp_path: Path) -> None:
    owner, raised = QObject(), []
    first = FirstInstance(tmp_path, lambda: raised.append(1), owner)
    first.is_closing = True
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SECOND, str(tmp_path), stdout=PIPE, cwd=ROOT
    )
    await eventually(lambda: first._peers)
    assert second.returncode is None
    owner.deleteLater()
    said, _ = await second.communicate()
    assert said.strip() == b"False"
    assert raised == []


def test_nobody_there_means_this_is_the_first(tmp_path: Path) -> None:
    assert raise_first(tmp_path) is False


def test_another_workspace_is_another_window(tmp_path: Path) -> None:
    owner = QObject()
    FirstInstance(tmp_path / "a", lambda: None, owner)
    assert raise_first(tmp_path / "b") is False
    owner.deleteLater()


def test_what_a_killed_window_left_is_no_obstacle(tmp_path: Path) -> None:
    probe = QLocalServer()
    assert probe.listen(name_of(tmp_path))
    path = Path(probe.fullServerName())
    probe.close()
    path.touch()
    owner = QObject()
    assert FirstInstance(tmp_path, lambda: None, owner).is_listening
    owner.deleteLater()
