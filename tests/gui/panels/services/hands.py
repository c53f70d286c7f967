"""What a user does to the panel, and what a user sees of it."""

from typing import TypeVar

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from app.panels.services.services_model import Place
from app.panels.services.services_panel import ServicesPanel
from app.panels.services.services_rows import InstanceRow, ServiceRow
from app.widgets.stepper import Stepper

Found = TypeVar("Found", bound=QObject)


def find(parent: QWidget | None, kind: type[Found], name: str = "") -> Found:
    """The child of that kind, and of that name if one is given. Fails when there is none."""
    assert parent is not None
    found = parent.findChild(kind, name) if name else parent.findChild(kind)
    assert found is not None, f"no {kind.__name__} {name}"
    return found


def controls(panel: ServicesPanel, key: str) -> QWidget:
    """What stands at the right end of a row."""
    found = panel.tree.controls(key)
    assert found is not None, f"{key} has no controls"
    return found


def button(panel: ServicesPanel, key: str, name: str) -> QAbstractButton:
    return find(controls(panel, key), QAbstractButton, name)


def stepper(panel: ServicesPanel, service: str) -> Stepper:
    return find(controls(panel, service), Stepper)


def steps(panel: ServicesPanel, service: str) -> list[QAbstractButton]:
    """One less, one more."""
    return stepper(panel, service).findChildren(QAbstractButton)


def click(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def press(qtbot: QtBot, parent: QWidget | None, word: str) -> None:
    """Click the visible button that says so."""
    assert parent is not None
    buttons = [one for one in parent.findChildren(QAbstractButton) if one.text() == word and one.isVisible()]
    assert buttons, f"no button {word!r}"
    click(qtbot, buttons[0])


def select(qtbot: QtBot, panel: ServicesPanel, key: str) -> None:
    """By a click on its name."""
    place = panel.tree.visualRect(panel.tree.row_of(key)).center()
    qtbot.mouseClick(panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)


def selected(panel: ServicesPanel) -> str:
    """What is selected; nothing is the empty text."""
    match panel.tree.selected_row():
        case InstanceRow(id=identity):
            return identity
        case ServiceRow(name=name):
            return name
        case _:
            return ""


def cell(panel: ServicesPanel, key: str, place: Place) -> str:
    index = panel.tree.row_of(key)
    return str(index.siblingAtColumn(place).data()) if index.isValid() else ""


def status(panel: ServicesPanel, key: str) -> str:
    return cell(panel, key, Place.STATUS)


def journal(panel: ServicesPanel) -> list[str]:
    """The entries, newest first, without their age."""
    model = panel.journal.model()
    return [
        " ".join(str(model.index(row, column).data()) for column in range(1, model.columnCount()))
        for row in range(model.rowCount())
    ]
