"""The system's own page: its processes can be walked and broken from the keyboard, but for the one that does the breaking."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.frame.system_page import SystemPage
from app.qt.theme import theme
from embedded_services.contracts.system import Process


def process(name: str, role: str) -> Process:
    return Process(
        name=name, role=role, pid=7, status="healthy", reason="", since=1.0, incarnation=1, port=None, restarts=0,
        pss=None, cpu=None, started_at=1.0,
    )  # fmt: skip


def test_processes_are_broken_by_the_key_but_not_the_control_plane(qtbot: QtBot) -> None:
    page = SystemPage(Path("/w"), [])
    qtbot.addWidget(page)
    page.show_system(
        None,
        [process("control", "control"), process("broker", "broker"), process("user-1", "user")],
        is_live=True,
    )
    page.show()
    with qtbot.waitActive(page):
        page.activateWindow()
    asked: list[tuple[Any, QRect]] = []
    page.break_requested.connect(lambda subject, place: asked.append((subject, place)))
    found = next(
        widget for widget in page.findChildren(QWidget) if "broker healthy" in widget.accessibleName()
    )
    found.setFocus()
    qtbot.keyClick(found, Qt.Key.Key_B)
    assert asked == []
    for wanted in (BreakSubject("process", "broker"), BreakSubject("instance", "user-1")):
        qtbot.keyClick(found, Qt.Key.Key_Down)
        assert found.accessibleDescription() == wanted.name
        qtbot.keyClick(found, Qt.Key.Key_B)
        assert asked.pop()[0] == wanted
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert found.accessibleDescription() == "control"


def test_process_that_a_fault_acts_on_says_so_and_wears_its_tag(qtbot: QtBot) -> None:
    page = SystemPage(Path("/w"), [])
    qtbot.addWidget(page)
    processes = [process("broker", "broker"), process("user-1", "user")]
    page.show_system(None, processes, is_live=True)
    page.resize(300, 600)
    page.show()
    found = next(
        widget for widget in page.findChildren(QWidget) if "broker healthy" in widget.accessibleName()
    )
    violet = theme().color("fault_tint").rgb()

    def has_tag(line: int) -> bool:
        image = found.grab(QRect(0, line * 20, found.width(), 20)).toImage()
        columns = range(image.width())
        return any(image.pixel(x, image.height() // 2) == violet for x in columns)

    assert not has_tag(0)
    page.show_system(None, processes, is_live=True, broken={"broker": "freeze"})
    assert "broker healthy broken by freeze" in found.accessibleName()
    assert has_tag(0)
    assert not has_tag(1)
    page.show_system(None, processes, is_live=True)
    assert "freeze" not in found.accessibleName()
    assert not has_tag(0)
