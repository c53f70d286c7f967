"""The parts of the frame: rail, palette, inspector, timeline, top bar."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.frame.command_palette import CommandPalette, matching
from app.frame.inspector import Inspector
from app.frame.rail import Rail, RailButton
from app.frame.status_words import Pill
from app.frame.top_bar import TopBar
from app.widgets.button import Button, IconButton
from app.widgets.inspector_page import InspectorPage
from tests.helpers.qt import eventually, texts

LEFT = Qt.MouseButton.LeftButton


def shown(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.addWidget(widget)
    widget.show()


class TestRail:
    def test_a_click_asks_for_its_panel(self, qtbot: QtBot) -> None:
        rail = Rail()
        shown(qtbot, rail)
        rail.add("services", "Services", "services", "Ctrl+2")
        logs = rail.add("logs", "Logs", "logs", "Ctrl+0")
        asked: list[str] = []
        rail.panel_requested.connect(asked.append)
        qtbot.mouseClick(logs, LEFT)
        assert asked == ["logs"]
        rail.choose("services")
        assert [button.isChecked() for button in rail.findChildren(RailButton)] == [True, False]

    def test_narrow_keeps_icons_with_their_words_as_tooltips(self, qtbot: QtBot) -> None:
        rail = Rail()
        shown(qtbot, rail)
        button = rail.add("logs", "Logs", "logs", "Ctrl+0")
        rail.set_narrow(True)
        assert rail.width() == 56
        assert button.toolTip() == "Logs  Ctrl+0"


class TestPalette:
    @pytest.fixture
    def window(self, qtbot: QtBot) -> QWidget:
        window = QWidget()
        window.resize(900, 600)
        shown(qtbot, window)
        return window

    def actions(self, window: QWidget, ran: list[str]) -> list[QAction]:
        found = []
        for text in ("Kill the selected instance", "Go to Services", "Go to Logs", "Stop the system"):
            action = QAction(text, window)
            action.triggered.connect(lambda _=False, text=text: ran.append(text))
            found.append(action)
        found[3].setEnabled(False)
        return found

    def test_words_are_found_anywhere_and_beginnings_come_first(self, window: QWidget) -> None:
        actions = self.actions(window, [])
        assert [action.text() for action in matching(actions, "go")] == ["Go to Services", "Go to Logs"]
        assert [action.text() for action in matching(actions, "log go")] == ["Go to Logs"]
        assert matching(actions, "stop") == [], "what cannot be done now is not offered"

    async def test_typing_and_return_run_what_was_found(self, window: QWidget, qtbot: QtBot) -> None:
        ran: list[str] = []
        actions = self.actions(window, ran)
        palette = CommandPalette(window, lambda: actions)
        palette.open()
        field = palette.findChild(QLineEdit, "paletteField")
        assert isinstance(field, QLineEdit)
        await eventually(field.hasFocus)
        qtbot.keyClicks(field, "go")
        qtbot.keyClick(field, Qt.Key.Key_Down)
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert ran == ["Go to Logs"]
        assert palette.isHidden()

    async def test_escape_closes_it_and_gives_the_focus_back(self, window: QWidget, qtbot: QtBot) -> None:
        before = QLineEdit(window)
        before.show()
        window.activateWindow()
        before.setFocus()
        await eventually(before.hasFocus)
        palette = CommandPalette(window, list)
        palette.open()
        field = palette.findChild(QLineEdit, "paletteField")
        assert isinstance(field, QLineEdit)
        qtbot.keyClick(field, Qt.Key.Key_Escape)
        assert palette.isHidden()
        await eventually(before.hasFocus)


def test_the_inspector_shows_pages_and_folds_to_a_tab(qtbot: QtBot) -> None:
    nothing, page = InspectorPage(), InspectorPage()
    inspector = Inspector(nothing)
    shown(qtbot, inspector)
    page.set_subject("Instance of user", "user-1", ("healthy", "Healthy"))
    inspector.show_page(page)
    assert inspector.page is page
    assert "user-1" in texts(page)
    inspector.show_page(None)
    assert inspector.page is nothing
    inspector.set_folded(True)
    assert inspector.maximumWidth() == 40
    tab = inspector.findChild(IconButton, "openInspector")
    assert isinstance(tab, IconButton)
    qtbot.mouseClick(tab, LEFT)
    assert not inspector.is_folded


def test_a_page_keeps_each_action_in_its_place(qtbot: QtBot) -> None:
    page = InspectorPage()
    shown(qtbot, page)
    page.resize(304, 500)
    kill, drain = Button("Kill"), Button("Drain")
    page.set_actions([kill, None, None, None, drain])
    assert kill.isVisible()
    assert drain.y() > kill.y()
    assert drain.x() > kill.x()


def test_the_top_bar_starts_stops_and_says_why_it_cannot(qtbot: QtBot) -> None:
    bar = TopBar(Path("/home/me/demo-shop"))
    shown(qtbot, bar)
    asked: list[str] = []
    bar.start_requested.connect(lambda: asked.append("start"))
    bar.stop_requested.connect(lambda: asked.append("stop"))
    switch = bar.findChild(Button, "startStop")
    assert isinstance(switch, Button)
    qtbot.mouseClick(switch, LEFT)
    bar.set_switch(starts=False)
    qtbot.mouseClick(switch, LEFT)
    bar.set_switch(starts=False, locked="Started elsewhere.")
    qtbot.mouseClick(switch, LEFT)
    assert asked == ["start", "stop"]
    assert switch.toolTip() == "Started elsewhere."
    bar.set_pill(Pill("unknown", "no contact", "4 s", "silence"))
    assert (bar.pill.accessibleName(), bar.pill.toolTip()) == ("no contact 4 s", "silence")
