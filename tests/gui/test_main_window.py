"""The window without a system behind it: what it remembers of itself, and what it shows while there is no system."""

from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.main_window import MainWindow
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import ElidedLabel
from app.widgets.panel import Panel
from tests.helpers.qt import settle


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    return opened(qtbot)


def opened(qtbot: QtBot, **restored: object) -> MainWindow:
    window = MainWindow(Path("/home/somebody/with/a/long/name/of/folders/demo-shop"))
    qtbot.addWidget(window)
    window.wants_inspector = bool(restored.get("wants_inspector", True))
    window.show()
    settle()
    return window


def wanted(window: MainWindow) -> bool:
    return window.wants_inspector


def test_a_window_as_large_as_the_screen_comes_back_as_large(qtbot: QtBot, window: MainWindow) -> None:
    window.setGeometry(QGuiApplication.primaryScreen().availableGeometry().adjusted(4, 4, -4, -4))
    settle()
    geometry, place = bytes(window.saveGeometry().data()), window.place
    again = MainWindow(Path("/w"))
    qtbot.addWidget(again)
    again.restore(geometry, b"", place)
    again.show()
    settle()
    assert again.size() == place.size()


def test_a_place_that_no_screen_has_is_passed_over(qtbot: QtBot, window: MainWindow) -> None:
    geometry = bytes(window.saveGeometry().data())
    again = MainWindow(Path("/w"))
    qtbot.addWidget(again)
    again.restore(geometry, b"", QRect(90_000, 90_000, 800, 600))
    room = QGuiApplication.primaryScreen().availableGeometry()
    assert room.intersects(again.geometry())


def test_whether_the_inspector_is_open_is_remembered_where_there_is_room_for_it(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.resize(1300, 700)
    settle()
    assert wanted(window) is True
    window.inspector.set_folded(True)
    assert wanted(window) is False
    window.resize(1100, 700)
    settle()
    window.inspector.set_folded(False)
    assert wanted(window) is False, "what is opened for a moment, in a narrow window, is not what is wanted"
    window.resize(1300, 700)
    settle()
    assert window.inspector.is_folded
    assert opened(qtbot, wants_inspector=False).inspector.is_folded


def test_a_path_is_cut_in_its_middle_so_that_its_name_stays(window: MainWindow) -> None:
    label = next(
        label for label in window.system_page.findChildren(ElidedLabel) if label.text().endswith("/demo-shop")
    )
    shown = label.fontMetrics().elidedText(label.text(), Qt.TextElideMode.ElideMiddle, label.width())
    assert shown != label.text()
    image = label.grab().toImage()
    label.set_cut(Qt.TextElideMode.ElideRight)
    assert label.grab().toImage() != image


def test_facts_of_what_is_no_more_go_with_the_panels(window: MainWindow) -> None:
    panel, page = Panel("services", "Services"), InspectorPage()
    window.add_panel(panel, "services", "Ctrl+2")
    window.show_state(shown=False)
    panel.inspector_requested.emit(page)
    assert window.inspector.page is page
    window.show_state(shown=True)
    assert window.inspector.page is window.system_page
    panel.inspector_requested.emit(page)
    assert window.inspector.page is window.system_page
    window.show_state(shown=False)
    assert window.inspector.page is page


def test_a_low_window_has_a_timeline_of_one_chain(window: MainWindow) -> None:
    window.resize(1300, 700)
    settle()
    high = window.timeline.height()
    window.resize(1300, 500)
    settle()
    assert window.timeline.height() == high - 48
