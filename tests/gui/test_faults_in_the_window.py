"""Breaking the real system by click and key in the real window, and putting it right again."""

from pathlib import Path

import httpx
import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from app.bootstrap import Application
from app.core.feed import FAULTS, INSTANCES
from app.core.settings import SettingsFile
from app.frame.break_menu import BreakMenu
from app.panels.faults.faults_panel import FaultsPanel
from app.panels.faults.kind_card import KindCard
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_rows import InstanceRow
from app.qt.columns import Role
from app.widgets.chip import Chip
from embedded_services.contracts.instances import Status
from tests.helpers.qt import eventually
from tests.helpers.system import away_from_others
from tests.helpers.window import healthy, opened

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFile:
    return SettingsFile.load(tmp_path / "config" / "window.json")


def restore(application: Application) -> QAbstractButton:
    found = application.window.top_bar.findChild(QAbstractButton, "restoreAll")
    assert found is not None
    return found


def status(application: Application, instance: str) -> Status | None:
    row = application.session.feed.rows(INSTANCES).get(instance)
    return row.status if row is not None else None


async def test_frozen_by_a_click_and_a_key_and_restored_by_a_click(
    tmp_path: Path, settings: SettingsFile, qtbot: QtBot
) -> None:
    async with opened(away_from_others(tmp_path / "shop"), settings) as application:
        await healthy(application)
        window = application.window
        assert not restore(application).isEnabled()
        panel = window.panels["services"]
        assert isinstance(panel, ServicesPanel)
        panel.open_at("payment-2")
        await eventually(lambda: _visible(application, "breakIt"))
        qtbot.mouseClick(_visible(application, "breakIt")[0], LEFT)
        await eventually(lambda: window.findChild(BreakMenu, "breakMenu"))
        menu = window.findChild(BreakMenu, "breakMenu")
        assert menu is not None
        qtbot.keyClick(menu, Qt.Key.Key_F)
        await eventually(lambda: status(application, "payment-2") is Status.FROZEN)
        pid = application.session.feed.rows(INSTANCES)["payment-2"].pid
        assert pid is not None
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
        reason = application.session.feed.rows(INSTANCES)["payment-2"].reason
        assert reason.startswith("frozen by a fault")
        await eventually(lambda: _row(panel, "payment-2").fault == "freeze")
        assert _row(panel, "payment-1").fault == ""
        await eventually(lambda: restore(application).isEnabled())
        chip = window.top_bar.faults.findChild(Chip)
        assert chip is not None
        assert chip.text.startswith("1 fault · 0:")
        qtbot.mouseClick(restore(application), LEFT)
        await eventually(lambda: psutil.Process(pid).status() != psutil.STATUS_STOPPED)
        await eventually(lambda: status(application, "payment-2") is Status.HEALTHY)
        await eventually(lambda: not restore(application).isEnabled())
        await eventually(lambda: _row(panel, "payment-2").fault == "")


def _row(panel: ServicesPanel, instance: str) -> InstanceRow:
    model = panel.tree.model()
    groups = [model.index(n, 0) for n in range(model.rowCount())]
    rows = [model.index(n, 0, group).data(Role.ROW) for group in groups for n in range(model.rowCount(group))]
    return next(row for row in rows if isinstance(row, InstanceRow) and row.id == instance)


async def test_calls_fail_as_composed_and_the_card_proves_it(
    tmp_path: Path, settings: SettingsFile, qtbot: QtBot
) -> None:
    async with opened(away_from_others(tmp_path / "shop"), settings) as application:
        await healthy(application)
        window = application.window
        window.show_panel("faults")
        panel = window.panels["faults"]
        assert isinstance(panel, FaultsPanel)
        await eventually(lambda: panel.catalogue.findChild(KindCard, "kind.abort"))
        qtbot.mouseClick(panel.catalogue.card("abort"), LEFT)
        box, status_field = (
            panel.composer.findChild(QComboBox, "target"),
            panel.composer.findChild(QLineEdit, "params.status"),
        )
        assert box is not None
        assert status_field is not None
        at = next(n for n in range(box.count()) if box.itemText(n).startswith("user ·"))
        box.setCurrentIndex(at)
        box.activated.emit(at)
        status_field.selectAll()
        qtbot.keyClicks(status_field, "418")
        inject = panel.composer.findChild(QAbstractButton, "inject")
        assert inject is not None
        qtbot.mouseClick(inject, LEFT)
        await eventually(lambda: panel.active)
        login = {"email": "demo@faultdeck.local", "password": "faultdeck"}
        async with httpx.AsyncClient(base_url=application.session.gateway or "") as client:
            answer = await client.post("/api/auth/login", json=login)
            assert answer.status_code == 418
            assert "x-faultdeck-faults" not in answer.headers
            await eventually(lambda: _proof(application) == (1, 1, 1))
            remove = panel.findChild(QAbstractButton, "remove")
            assert remove is not None
            qtbot.mouseClick(remove, LEFT)
            await eventually(lambda: not panel.active)
            assert (await client.post("/api/auth/login", json=login)).status_code == 200


def _visible(application: Application, name: str) -> list[QAbstractButton]:
    found = application.window.findChildren(QAbstractButton, name)
    return [button for button in found if button.isVisible() and button.isEnabled()]


def _proof(application: Application) -> tuple[int, int, int | None]:
    (fault,) = application.session.feed.rows(FAULTS).values()
    return fault.proof.eligible, fault.proof.injected, fault.proof.client_requests
