"""Dialogs are awaited, one task beside the other; no loop runs within the loop."""

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.qt.dialogs import confirm
from app.qt.tasks import spawn
from tests.helpers.qt import eventually


def window(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


async def opened(parent: QWidget) -> QDialog:
    await eventually(lambda: parent.findChild(QDialog, "confirm"))
    dialog = parent.findChild(QDialog, "confirm")
    assert isinstance(dialog, QDialog)
    return dialog


async def test_accepting_says_yes_while_other_tasks_go_on(qtbot: QtBot) -> None:
    parent = window(qtbot)
    answer = spawn(parent, confirm(parent, "Delete all?", "They are gone then.", "Delete"), "ask")
    dialog = await opened(parent)
    await asyncio.sleep(0)
    assert not answer.done()
    [delete] = [button for button in dialog.findChildren(QPushButton) if button.text() == "Delete"]
    qtbot.mouseClick(delete, Qt.MouseButton.LeftButton)
    assert await answer is True


async def test_escape_says_no(qtbot: QtBot) -> None:
    parent = window(qtbot)
    answer = spawn(parent, confirm(parent, "Delete all?", "They are gone then.", "Delete"), "ask")
    qtbot.keyClick(await opened(parent), Qt.Key.Key_Escape)
    assert await answer is False


async def test_a_question_whose_asker_is_cancelled_closes(qtbot: QtBot) -> None:
    parent = window(qtbot)
    answer = spawn(parent, confirm(parent, "Delete all?", "They are gone then.", "Delete"), "ask")
    await opened(parent)
    answer.cancel()
    await eventually(lambda: parent.findChild(QDialog, "confirm") is None)


async def test_a_question_goes_with_its_window(qtbot: QtBot) -> None:
    parent, owner = QWidget(), QWidget()
    qtbot.addWidget(owner)
    answer = spawn(owner, confirm(parent, "Delete all?", "They are gone then.", "Delete"), "ask")
    await opened(parent)
    parent.deleteLater()
    assert await answer is False
