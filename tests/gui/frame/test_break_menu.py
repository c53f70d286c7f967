"""*Break it…*: one click or one letter injects; beside what it is about, and told what a client will see."""

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QAbstractButton, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject, choices
from app.frame.break_menu import BreakMenu
from app.frame.fault_chip import FaultChip
from app.widgets.chip import Chip
from embedded_services.faults.catalogue import KINDS
from tests.helpers.fault_scene import scene
from tests.helpers.qt import texts

CATALOGUE = {name: kind.info for name, kind in KINDS.items()}


@pytest.fixture
def ground(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(600, 400)
    widget.show()
    return widget


@pytest.fixture
def menu(ground: QWidget) -> BreakMenu:
    found = BreakMenu(
        choices(BreakSubject("instance", "payment-1"), CATALOGUE, scene()), len(CATALOGUE), ground
    )
    found.show_beside(QRect(100, 100, 50, 20))
    return found


def test_it_never_covers_what_it_is_about(menu: BreakMenu) -> None:
    assert not menu.geometry().intersects(QRect(100, 100, 50, 20))


def test_it_stays_on_the_screen(ground: QWidget) -> None:
    found = BreakMenu(choices(BreakSubject("service", "order"), CATALOGUE, scene()), len(CATALOGUE), ground)
    screen = ground.screen().availableGeometry()
    found.show_beside(QRect(screen.right() - 30, screen.bottom() - 10, 20, 10))
    assert screen.contains(found.geometry())
    found.close()


def test_each_item_says_what_a_client_will_see(menu: BreakMenu) -> None:
    assert "Break payment-1…" in texts(menu)
    freeze = menu.findChild(QAbstractButton, "break.freeze")
    assert freeze is not None
    assert "payment-2 serves alone" in freeze.accessibleName()
    menu.close()


def test_a_letter_injects(menu: BreakMenu, qtbot: QtBot) -> None:
    chosen = QSignalSpy(menu.chosen)
    qtbot.keyClick(menu, Qt.Key.Key_F)
    assert chosen.count() == 1
    fault = chosen.at(0)[0]
    assert (fault.kind, fault.target.instance) == ("freeze", "payment-1")


def test_arrows_walk_and_return_takes(menu: BreakMenu, qtbot: QtBot) -> None:
    chosen = QSignalSpy(menu.chosen)
    qtbot.keyClick(menu, Qt.Key.Key_Down)
    row = menu.findChild(QAbstractButton, "break.terminate")
    assert row is not None
    qtbot.keyClick(row, Qt.Key.Key_Return)
    assert chosen.at(0)[0].kind == "terminate"


def test_the_whole_catalogue_is_one_click_away(menu: BreakMenu, qtbot: QtBot) -> None:
    asked = QSignalSpy(menu.all_requested)
    everything = menu.findChild(QPushButton, "allFaults")
    assert everything is not None
    qtbot.mouseClick(everything, Qt.MouseButton.LeftButton)
    assert asked.count() == 1


def test_the_chip_counts_down_and_restore_is_always_there(qtbot: QtBot) -> None:
    chip = FaultChip()
    qtbot.addWidget(chip)
    chip.show()
    restore = chip.findChild(QPushButton, "restoreAll")
    word = chip.findChild(Chip)
    assert restore is not None
    assert word is not None
    assert restore.isVisible()
    assert not restore.isEnabled()
    assert not word.isVisible()
    chip.show_faults(2, 41.0)
    assert word.text == "2 faults · 0:41"
    assert restore.isEnabled()
    assert restore.property("kind") == "fault"
    chip.show_faults(2, 41.0, able=False)
    assert not restore.isEnabled()
    chip.show_faults(0, 0.0)
    assert restore.isVisible()
    assert restore.property("kind") == "normal"
