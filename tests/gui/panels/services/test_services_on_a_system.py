"""The panel on a real system: what is clicked happens to real processes, and the panel shows what came of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.feed import INSTANCES, Feed
from app.panels.services.services_model import Place
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from embedded_services.client.control_client import ControlClient
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Instance
from tests.gui.panels.services.conftest import Stage
from tests.gui.panels.services.hands import (
    button,
    cell,
    click,
    find,
    journal,
    press,
    select,
    selected,
    status,
    stepper,
    steps,
)
from tests.helpers.qt import eventually, texts
from tests.helpers.system import RunningSystem, running_away_from_others


class LivePort:
    gateway = None

    def __init__(self, system: RunningSystem, workspace: Path) -> None:
        self.feed = Feed()
        self.workspace = workspace
        self.system = system

    def control(self) -> ControlClient:
        return self.system.control

    def row(self, identity: str) -> Instance:
        return self.feed.rows(INSTANCES)[identity]


@asynccontextmanager
async def on_a_system(stage: Stage, workspace: Path) -> AsyncIterator[tuple[ServicesPanel, LivePort]]:
    """The panel on a system in which everything is up.

    No fixture: what runs between a fixture and its test would be stepped by Qt alone, outside of the loop.
    """
    async with running_away_from_others(workspace) as system, Tasks("panel test") as tasks:
        live = LivePort(system, workspace)
        tasks.spawn(live.feed.follow(system.ready.control, system.ready.token), "follow")
        presenter = ServicesPresenter(stage.panel, stage.model, stage.journal, live)
        await eventually(lambda: status(stage.panel, "notification") == "both in rotation")
        yield stage.panel, live
        presenter.deleteLater()
        await eventually(lambda: not shiboken6.isValid(presenter))


async def test_a_killed_instance_is_seen_to_come_back(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    async with on_a_system(stage, tmp_path / "shop") as (panel, live):
        before = live.row("payment-2")
        click(qtbot, button(panel, "payment-2", "kill"))
        assert status(panel, "payment-2") == "Killing…"
        await eventually(lambda: live.row("payment-2").incarnation > before.incarnation)
        await eventually(lambda: status(panel, "payment-2").startswith("Healthy"))
        assert cell(panel, "payment-2", Place.PID) == str(live.row("payment-2").pid) != str(before.pid)
        assert cell(panel, "payment-2", Place.UP) in ("0:00", "0:01", "0:02", "0:03")
        assert before.pid is not None
        assert not psutil.pid_exists(before.pid)
        await eventually(lambda: journal(panel)[0].startswith("payment-2 starting  →  healthy"))
        assert any("healthy  →  stopped killed by you" in entry for entry in journal(panel))


async def test_a_frozen_instance_is_found_out_and_thawed(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    async with on_a_system(stage, tmp_path / "shop") as (panel, live):
        select(qtbot, panel, "order-1")
        qtbot.keyClick(panel.tree, Qt.Key.Key_F)
        await eventually(lambda: status(panel, "order-1").startswith("Frozen · by you"))
        pid = live.row("order-1").pid
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
        await eventually(lambda: "no reply to" in status(panel, "order-1"))
        assert status(panel, "order") == "1 of 2 in rotation"
        assert status(panel, "order-2") == "Healthy · takes all traffic"
        cure = button(panel, "order-1", "cure")
        assert cure.text() == "Thaw"
        click(qtbot, cure)
        await eventually(lambda: status(panel, "order") == "both in rotation")
        assert psutil.Process(pid).status() != psutil.STATUS_STOPPED
        assert not cure.isVisible()


async def test_the_stepper_starts_and_drains_real_processes(
    stage: Stage, tmp_path: Path, qtbot: QtBot
) -> None:
    async with on_a_system(stage, tmp_path / "shop") as (panel, live):
        less, more = steps(panel, "user")
        click(qtbot, more)
        assert stepper(panel, "user").value == 3
        await eventually(lambda: status(panel, "user") == "all 3 in rotation")
        pid = live.row("user-3").pid
        assert button(panel, "user-3", "kill").isVisible()
        click(qtbot, less)
        await eventually(lambda: not panel.tree.row_of("user-3").isValid())
        assert pid is not None
        assert not psutil.pid_exists(pid)
        assert status(panel, "user") == "both in rotation"
        await eventually(lambda: journal(panel)[0].startswith("user-3 ") and "removed" in journal(panel)[0])


async def test_an_instance_is_registered_by_hand_and_taken_back(
    stage: Stage, tmp_path: Path, qtbot: QtBot
) -> None:
    """It stands for somebody else's server: the second user instance's own address, under another name."""
    async with on_a_system(stage, tmp_path / "shop") as (panel, live):
        select(qtbot, panel, "user-2")
        click(qtbot, find(panel, QPushButton, "registerInstance"))
        dialog = panel.dialog
        assert dialog is not None
        qtbot.keyClicks(find(dialog, QLineEdit, "id"), "user-1")
        qtbot.keyClicks(find(dialog, QLineEdit, "port"), str(live.row("user-2").port))
        find(dialog, QCheckBox, "keep").setChecked(False)
        click(qtbot, find(dialog, QPushButton, "submit"))
        await eventually(
            lambda: "“user-1”" in " ".join(texts(dialog)) or "'user-1'" in " ".join(texts(dialog))
        )
        find(dialog, QLineEdit, "id").setText("guest-1")
        click(qtbot, find(dialog, QPushButton, "submit"))
        await eventually(lambda: status(panel, "guest-1").startswith("Healthy"))
        assert panel.dialog is None
        assert selected(panel) == "guest-1"
        assert status(panel, "user") == "all 3 in rotation"
        panel.activateWindow()  # a window manager would have done so when the dialog went
        await eventually(panel.isActiveWindow)
        qtbot.keyClick(panel.tree, Qt.Key.Key_Delete)
        await eventually(lambda: panel.findChild(QDialog, "confirm"))
        press(qtbot, panel.findChild(QDialog, "confirm"), "Remove")
        await eventually(lambda: not panel.tree.row_of("guest-1").isValid())
        assert live.row("user-2").status == "healthy"


async def test_nothing_stays_green_when_the_control_plane_dies(
    stage: Stage, tmp_path: Path, qtbot: QtBot
) -> None:
    async with on_a_system(stage, tmp_path / "shop") as (panel, live):
        live.system.launch.process.kill()
        await eventually(lambda: panel.tree.is_stale)
        assert not button(panel, "user-1", "kill").isEnabled()
        await eventually(lambda: "last reading" in status(panel, "user-1"))
        await live.system.launch.exit_code()
