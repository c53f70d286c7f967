"""The system's own page: its processes can be walked and broken from the keyboard, but for the one that does the breaking."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.breaking import BreakSubject
from app.frame.system_page import SystemPage
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
