"""The panel on a real system: what is clicked happens to real processes, and the panel shows what came of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.feed import INSTANCES, Feed
from app.panels.services.services_model import Place
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_presenter import ServicesPresenter
from app.widgets.stepper import Stepper
from embedded_services.client.control_client import ControlClient
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Instance
from tests.gui.panels.services.conftest import Stage
from tests.gui.panels.services.hands import button, cell, click, controls, journal, select, status
from tests.helpers.qt import eventually, texts
from tests.helpers.system import RunningSystem, running_system


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


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LivePort]:
    async with running_system(tmp_path / "shop") as system, Tasks("panel test") as tasks:
        port = LivePort(system, tmp_path / "shop")
        tasks.spawn(port.feed.follow(system.ready.control, system.ready.token), "follow")
        yield port


@pytest.fixture
async def panel(live: LivePort, stage: Stage) -> ServicesPanel:
    ServicesPresenter(stage.panel, stage.model, stage.journal, live)
    await eventually(lambda: status(stage.panel, "notification") == "both in rotation")
    return stage.panel


async def test_a_killed_instance_is_seen_to_come_back(
    panel: ServicesPanel, live: LivePort, qtbot: QtBot
) -> None:
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


async def test_a_frozen_instance_is_found_out_and_thawed(
    panel: ServicesPanel, live: LivePort, qtbot: QtBot
) -> None:
    select(qtbot, panel, "order-1")
    qtbot.keyClick(panel.tree, Qt.Key.Key_F)
    await eventually(lambda: status(panel, "order-1").startswith("Frozen · by you"))
    pid = live.row("order-1").pid
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    await eventually(lambda: "checks in a row failed" in status(panel, "order-1"))
    assert status(panel, "order") == "1 of 2 in rotation"
    assert status(panel, "order-2") == "Healthy · takes all order traffic"
    cure = button(panel, "order-1", "cure")
    assert cure.text() == "Thaw"
    click(qtbot, cure)
    await eventually(lambda: status(panel, "order") == "both in rotation")
    assert psutil.Process(pid).status() != psutil.STATUS_STOPPED
    assert not cure.isVisible()


async def test_the_stepper_starts_and_drains_real_processes(
    panel: ServicesPanel, live: LivePort, qtbot: QtBot
) -> None:
    stepper = controls(panel, "user").findChild(Stepper)
    less, more = stepper.findChildren(QAbstractButton)
    click(qtbot, more)
    assert stepper.value == 3
    await eventually(lambda: status(panel, "user") == "all 3 in rotation")
    pid = live.row("user-3").pid
    assert button(panel, "user-3", "kill").isVisible()
    click(qtbot, less)
    await eventually(lambda: not panel.tree.row_of("user-3").isValid())
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert status(panel, "user") == "both in rotation"
    assert any(entry.startswith("user-3 ") and "removed" in entry for entry in journal(panel))


async def test_an_instance_is_registered_by_hand_and_taken_back(
    panel: ServicesPanel, live: LivePort, qtbot: QtBot
) -> None:
    """It stands for somebody else's server: the second user instance's own address, under another name."""
    select(qtbot, panel, "user-2")
    click(qtbot, panel.findChild(QPushButton, "registerInstance"))
    dialog = panel.dialog
    assert dialog is not None
    qtbot.keyClicks(dialog.findChild(QLineEdit, "id"), "user-1")
    qtbot.keyClicks(dialog.findChild(QLineEdit, "port"), str(live.row("user-2").port))
    dialog.findChild(QCheckBox, "keep").setChecked(False)
    click(qtbot, dialog.findChild(QPushButton, "submit"))
    await eventually(lambda: "“user-1”" in " ".join(texts(dialog)) or "'user-1'" in " ".join(texts(dialog)))
    dialog.findChild(QLineEdit, "id").setText("guest-1")
    click(qtbot, dialog.findChild(QPushButton, "submit"))
    await eventually(lambda: status(panel, "guest-1").startswith("Healthy"))
    assert panel.dialog is None
    assert panel.tree.selected_row().id == "guest-1"
    assert status(panel, "user") == "all 3 in rotation"
    qtbot.keyClick(panel.tree, Qt.Key.Key_Delete)
    await eventually(lambda: panel.findChild(QDialog, "confirm"))
    confirm = panel.findChild(QDialog, "confirm")
    click(qtbot, next(one for one in confirm.findChildren(QPushButton) if one.text() == "Remove"))
    await eventually(lambda: not panel.tree.row_of("guest-1").isValid())
    assert live.row("user-2").status == "healthy"


async def test_nothing_stays_green_when_the_control_plane_dies(
    panel: ServicesPanel, live: LivePort, qtbot: QtBot
) -> None:
    live.system.launch.process.kill()
    await eventually(lambda: panel.tree.is_stale)
    assert not button(panel, "user-1", "kill").isEnabled()
    await eventually(lambda: "last reading" in status(panel, "user-1"))
    await live.system.launch.exit_code()
