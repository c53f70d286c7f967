"""The real window on the real system: it starts, recovers, loses and finds contact, stops, and leaves nothing behind."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.bootstrap import Application
from app.core.backend import Phase
from app.core.feed import INSTANCES, PROCESSES, SYSTEM
from app.core.settings import SettingsFile
from app.frame.command_palette import CommandPalette
from app.main_window import MainWindow
from app.panels.services.services_panel import ServicesPanel
from app.qt.theme import theme
from app.qt.throttle import Throttle
from app.widgets.button import Button
from app.window_presenter import WindowPresenter
from embedded_services.common.clock import SystemClock
from tests.helpers.qt import eventually, texts
from tests.helpers.system import away_from_others
from tests.helpers.window import healthy, opened

LEFT = Qt.MouseButton.LeftButton
REFUSES = [sys.executable, "-m", "tests.helpers.fake_control", "refuse"]


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFile:
    return SettingsFile.load(tmp_path / "config" / "window.json")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return away_from_others(tmp_path / "demo-shop")


def switch(application: Application) -> Button:
    button = application.window.top_bar.findChild(Button, "startStop")
    assert isinstance(button, Button)
    return button


def control_pid(application: Application) -> int:
    endpoint = application.session.backend.state.endpoint
    assert endpoint is not None
    return endpoint.pid


async def test_a_start_shows_progress_and_a_stop_frees_everything(
    workspace: Path, settings: SettingsFile, qtbot: QtBot
) -> None:
    async with opened(workspace, settings) as application:
        window, pill = application.window, application.window.top_bar.pill
        await healthy(application)
        assert pill.accessibleName() == "healthy 8/8"
        assert window.shows_state is False
        assert "demo-shop" in texts(window.top_bar)
        pids = [row.pid for row in application.session.feed.rows(PROCESSES).values() if row.pid]
        assert len(pids) == 12

        qtbot.mouseClick(switch(application), LEFT)
        assert pill.status in ("stopping", "stopped"), "a click shows at once"
        await eventually(lambda: pill.status == "stopped")
        assert not any(psutil.pid_exists(pid) for pid in pids)
        assert window.state.title == "The system is stopped"

        seen: set[str] = set()
        application.session.feed.listen(lambda: seen.add(pill.accessibleName()), SYSTEM)
        qtbot.mouseClick(switch(application), LEFT)
        await healthy(application)
        assert any(name.startswith("starting") for name in seen)
        began = SystemClock().monotonic()
    assert SystemClock().monotonic() - began < 2.0, "closing takes less than two seconds"


async def test_the_control_plane_is_started_again_when_it_dies(
    workspace: Path, settings: SettingsFile
) -> None:
    async with opened(workspace, settings) as application:
        await healthy(application)
        first = control_pid(application)
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: application.window.top_bar.pill.status == "starting")
        assert "The control plane ended: SIGKILL." in texts(application.window.toast)
        await eventually(lambda: application.session.backend.state.phase is Phase.RUNNING, 30)
        await eventually(lambda: application.window.top_bar.pill.accessibleName() == "healthy 8/8")
        assert control_pid(application) != first


async def test_without_contact_nothing_looks_healthy(workspace: Path, settings: SettingsFile) -> None:
    async with opened(workspace, settings) as application:
        await healthy(application)
        window, pid = application.window, control_pid(application)
        os.kill(pid, signal.SIGSTOP)
        try:
            await eventually(lambda: window.top_bar.pill.status == "unknown", 2.0)
            assert any("No contact with the control plane" in text for text in texts(window.top_bar))
            image = window.grab().toImage()
            green = theme().color("ok")
            lamps = [
                QPoint(x, y)
                for x in range(0, image.width(), 2)
                for y in range(0, image.height() - window.timeline.height() - 220, 2)
                if image.pixelColor(x, y) == green
            ]
            assert lamps == []
            assert len(application.session.feed.rows(INSTANCES)) == 8, "the last reading stays in sight"
        finally:
            os.kill(pid, signal.SIGCONT)
        await eventually(lambda: window.top_bar.pill.accessibleName() == "healthy 8/8")
        assert not any("No contact" in text for text in texts(window.top_bar))


async def test_one_that_cannot_start_says_why_with_its_log_and_can_be_tried_again(
    workspace: Path, settings: SettingsFile
) -> None:
    async with opened(workspace, settings, command=REFUSES) as application:
        window = application.window
        await eventually(lambda: window.top_bar.pill.status == "unhealthy")
        assert window.state.title == "The system cannot be started: port 3000 is taken by another program."
        assert any("looking for a port" in text for text in texts(window.state))
        phases: list[Phase] = []
        application.session.backend.listen(lambda: phases.append(application.session.backend.state.phase))
        window.state.action_requested.emit()
        await eventually(lambda: phases[:1] == [Phase.STARTING])
        await eventually(lambda: phases[-1] is Phase.FAILED)


async def test_a_system_that_runs_already_is_attached_to_and_left_running(
    workspace: Path, tmp_path: Path, settings: SettingsFile
) -> None:
    async with opened(workspace, settings) as first:
        await healthy(first)
        async with opened(workspace, SettingsFile.load(tmp_path / "other.json")) as second:
            await healthy(second)
            assert control_pid(second) == control_pid(first)
            assert not switch(second).isEnabled()
            assert "Started outside this window" in switch(second).toolTip()
        assert psutil.pid_exists(control_pid(first))
        assert first.window.top_bar.pill.status == "healthy"


async def test_what_the_user_chose_is_remembered(
    workspace: Path, settings: SettingsFile, qtbot: QtBot
) -> None:
    async with opened(workspace, settings, command=REFUSES) as application:
        application.window.resize(1100, 700)
        application.window.show_panel("logs")
        [light] = [a for a in application.window.all_actions() if a.text() == "Theme: light"]
        light.trigger()
        assert theme().name == "light"
        field = application.window.panels["services"].findChild(QLineEdit, "filter")
        assert isinstance(field, QLineEdit)
        field.setText("pay")
    again = SettingsFile.load(settings.path)
    assert (again.settings.theme, again.settings.panel) == ("light", "logs")
    assert again.settings.filters == {"services/filter": "pay"}
    async with opened(workspace, again, command=REFUSES) as application:
        assert application.window.current_panel == "logs"
        field = application.window.panels["services"].findChild(QLineEdit, "filter")
        assert isinstance(field, QLineEdit)
        assert field.text() == "pay"


async def test_a_broken_settings_file_is_said_and_set_aside(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "window.json").write_text("{")
    async with opened(workspace, SettingsFile.load(tmp_path / "window.json"), command=REFUSES) as application:
        assert "The settings of the window could not be read and start afresh." in texts(
            application.window.toast
        )


async def test_narrow_windows_fold_what_is_beside_the_panel(workspace: Path, settings: SettingsFile) -> None:
    async with opened(workspace, settings, command=REFUSES) as application:
        window = application.window
        assert not window.inspector.is_folded
        window.resize(1100, 800)
        await eventually(lambda: window.inspector.is_folded)
        assert window.rail.width() == 80
        window.resize(900, 800)
        await eventually(lambda: window.rail.width() == 56)
        window.inspector.set_folded(False)
        window.resize(880, 800)
        await eventually(lambda: window.width() == 880)
        assert not window.inspector.is_folded, "what the user opened stays open"
        window.resize(1300, 800)
        await eventually(lambda: window.rail.width() == 80)
        assert not window.inspector.is_folded


async def test_every_panel_is_reached_by_key_and_by_name(
    workspace: Path, settings: SettingsFile, qtbot: QtBot
) -> None:
    async with opened(workspace, settings, command=REFUSES) as application:
        window = application.window
        window.activateWindow()
        await eventually(window.isActiveWindow)
        control = Qt.KeyboardModifier.ControlModifier
        qtbot.keyClick(window, Qt.Key.Key_0, control)
        assert window.current_panel == "logs"
        qtbot.keyClick(window, Qt.Key.Key_2, control)
        assert window.current_panel == "services"
        qtbot.keyClick(window, Qt.Key.Key_K, control)
        field = window.palette_view.findChild(QLineEdit, "paletteField")
        assert isinstance(field, QLineEdit)
        qtbot.keyClicks(field, "go logs")
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert window.current_panel == "logs"


async def test_the_language_is_switched_in_the_open_window_and_nothing_is_lost(
    workspace: Path, settings: SettingsFile
) -> None:
    async with opened(workspace, settings) as application:
        await healthy(application)
        window = application.window
        window.show_panel("services")
        window.panels["services"].open_at("order-1")
        field = window.panels["logs"].findChild(QLineEdit, "filter")
        assert isinstance(field, QLineEdit)
        field.setText("checkout")
        window.inspector.set_folded(True)
        choose(application, "简体中文")
        await eventually(lambda: window.panels["services"].title == "服务")
        assert window.current_panel == "services"
        assert window.inspector.is_folded
        await eventually(lambda: application.window.top_bar.pill.accessibleName() == "健康 8/8")
        services, logs = window.panels["services"], window.panels["logs"]
        assert isinstance(services, ServicesPanel)
        await eventually(lambda: services.memory() == "order-1")
        assert window.filter_texts() == {"logs/filter": "checkout"}
        assert logs.title == "日志"
        assert switch(application).text() == "停止"
        assert settings.settings.language == "zh_CN"

        switch(application).click()
        await eventually(lambda: window.state.title == "系统已停止")
        choose(application, "English")
        await eventually(lambda: window.state.title == "The system is stopped")
        await eventually(lambda: kept(window) == (1, 4, 1))


def kept(window: MainWindow) -> tuple[int, int, int]:
    """How many of each the window has: none may be left of the window before."""
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    return (
        len(window.findChildren(WindowPresenter, options=direct)),
        len(window.findChildren(Throttle, options=direct)),
        len(window.findChildren(CommandPalette)),
    )


def choose(application: Application, language: str) -> None:
    """By its name in the palette."""
    [action] = [one for one in application.window.all_actions() if language in one.text()]
    action.trigger()
