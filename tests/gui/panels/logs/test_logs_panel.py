"""What the Logs panel shows, and what clicks and keys do to it."""

from typing import TypeVar

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject, subject_of_process
from app.panels.logs.log_book import LogFilter, LogRow
from app.panels.logs.log_page import LogPage
from app.widgets.chip import Chip
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.state_view import StateView
from tests.gui.panels.logs.conftest import Built, FakePort
from tests.helpers.qt import eventually, texts

W = TypeVar("W", bound=QWidget)


def child(built: Built, kind: type[W], name: str) -> W:
    found = built.panel.findChild(kind, name)
    assert isinstance(found, kind), name
    return found


async def written(built: Built, port: FakePort, entries: int) -> None:
    """So many more entries, shown."""
    port.connect()
    port.write(entries)
    await eventually(lambda: built.model.account().held == port.archive.total)


def selected(built: Built) -> int:
    row = built.panel.view.selected_row()
    return row.seq if isinstance(row, LogRow) else 0


def count(built: Built) -> str:
    return child(built, Chip, "count").text


async def test_nothing_logged_says_so(built: Built, port: FakePort) -> None:
    port.connect()
    await eventually(lambda: built.panel.shown == "state")
    assert built.panel.shown == "state"
    assert "Nothing is logged yet" in texts(built.panel)


async def test_counts_say_what_is_shown_and_that_nothing_is_missing(built: Built, port: FakePort) -> None:
    await written(built, port, 20)
    assert count(built) == "shown 20 of 20"
    assert "none skipped, none hidden" in texts(built.panel)
    assert "of 2 processes" in texts(built.panel)


async def test_level_process_and_text_narrow_it_by_click_and_key(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await written(built, port, 40)
    toggle = child(built, SegmentedToggle, "level")
    for _ in range(3):
        qtbot.keyClick(toggle, Qt.Key.Key_Right)
    assert count(built) == "shown 4 of 40"
    assert "none skipped" in texts(built.panel)
    for _ in range(3):
        qtbot.keyClick(toggle, Qt.Key.Key_Left)
    processes = child(built, QComboBox, "process")
    assert [processes.itemText(at) for at in range(processes.count())] == [
        "All processes",
        "order-1",
        "user-1",
    ]
    processes.setFocus()
    qtbot.keyClick(processes, Qt.Key.Key_Down)
    assert built.model.filter == LogFilter(process="order-1")
    assert count(built) == "shown 20 of 40"
    field = child(built, QLineEdit, "filter")
    qtbot.keyClicks(field, "entry 4")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert [row.seq for row in built.model.rows()] == [4, 14, 24, 34, 40]


async def test_filter_that_nothing_passes_offers_to_clear_it(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await written(built, port, 5)
    field = child(built, QLineEdit, "filter")
    qtbot.keyClicks(field, "zebra")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    state = child(built, StateView, "noMatch")
    assert state.isVisibleTo(built.panel)
    assert count(built) == "shown 0 of 5"
    qtbot.mouseClick(state.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert count(built) == "shown 5 of 5"
    assert not state.isVisibleTo(built.panel)


async def test_pausing_counts_on_and_following_shows_the_end(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await written(built, port, 100)
    button = child(built, QPushButton, "follow")
    bar = built.panel.view.verticalScrollBar()
    await eventually(lambda: bar.value() == bar.maximum() > 0)
    assert button.text() == "Pause"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    place = bar.value()
    port.write(1234)
    await eventually(lambda: button.text() == "Follow · 1,234 new")
    assert count(built) == "shown 1,334 of 1,334"
    assert bar.value() == place
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    await eventually(lambda: bar.value() == bar.maximum() > place)
    assert button.text() == "Pause"


async def test_entry_is_read_whole_in_the_inspector_and_copied(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await written(built, port, 30)
    asked = QSignalSpy(built.panel.inspector_requested)
    built.panel.view.select_index(built.model.index_of(10))
    assert asked.count() == 1
    page = asked.at(0)[0]
    assert isinstance(page, LogPage)
    assert page.subject == "entry 10"
    assert "Log entry of order-1" in texts(page)
    assert not built.panel.view.is_following
    qtbot.keyClick(built.panel.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().endswith("ERROR order-1 a: entry 10")
    qtbot.mouseClick(page.findChild(QPushButton, "only"), Qt.MouseButton.LeftButton)
    assert built.model.filter == LogFilter(process="order-1")
    assert selected(built) == 10
    qtbot.mouseClick(page.findChild(QPushButton, "around"), Qt.MouseButton.LeftButton)
    assert built.model.filter == LogFilter()
    assert selected(built) == 10


async def test_panel_opens_at_a_process_or_at_an_entry(built: Built, port: FakePort) -> None:
    await written(built, port, 30)
    built.panel.open_at("order-1")
    assert built.model.filter == LogFilter(process="order-1")
    built.panel.open_at("payment-9")
    assert child(built, QComboBox, "process").currentText() == "payment-9"
    built.panel.open_at(("user-1", 12.5))
    assert selected(built) == 13


async def test_entry_that_has_not_come_yet_is_shown_once_it_does(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await written(built, port, 10)
    built.panel.show_entry("order-1", 15.5)
    assert selected(built) == 10
    port.write(10)
    await eventually(lambda: selected(built) == 16)
    port.write(10)
    await eventually(lambda: count(built) == "shown 15 of 30")
    assert selected(built) == 16


async def test_menu_of_a_row_narrows_to_its_process(built: Built, port: FakePort) -> None:
    await written(built, port, 10)
    row = built.model.rows()[0]
    built.panel.view.row_menu_requested.emit(row, built.panel.mapToGlobal(built.panel.rect().center()))
    menu = built.panel.findChild(QMenu)
    assert menu is not None
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Only user-1", "What surrounds it", "Copy the entry", "Break user-1…",
    ]  # fmt: skip
    menu.actions()[0].trigger()
    menu.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert built.model.filter == LogFilter(process="user-1")


async def test_every_control_has_a_name(built: Built, port: FakePort) -> None:
    await written(built, port, 1)
    for widget in (
        built.panel.view, child(built, SegmentedToggle, "level"), child(built, QComboBox, "process"),
        child(built, QLineEdit, "filter"), child(built, Chip, "count"),
    ):  # fmt: skip
        assert widget.accessibleName()


async def test_who_wrote_an_entry_is_broken_by_its_key_and_from_its_menu(
    built: Built, port: FakePort, qtbot: QtBot
) -> None:
    await written(built, port, 4)
    asked: list[BreakSubject] = []
    built.panel.break_requested.connect(lambda subject, _: asked.append(subject))
    view = built.panel.view
    view.select_index(view.model().index(1, 0))
    built.panel.activateWindow()
    await eventually(built.panel.isActiveWindow)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_B)
    row = view.selected_row()
    assert isinstance(row, LogRow)
    assert asked == [subject_of_process(row.process)]
    view.row_menu_requested.emit(row, QPoint(5, 5))
    menu = built.panel.findChild(QMenu)
    assert isinstance(menu, QMenu)
    menu.actions()[-1].trigger()
    assert asked == [subject_of_process(row.process)] * 2
    menu.close()
