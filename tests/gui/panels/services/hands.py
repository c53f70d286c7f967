"""What a user does to the panel, and what a user sees of it."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from app.panels.services.services_model import Place
from app.panels.services.services_panel import ServicesPanel


def controls(panel: ServicesPanel, key: str) -> QWidget:
    found = panel.tree.controls(key)
    assert found is not None, f"{key} has no controls"
    return found


def button(panel: ServicesPanel, key: str, name: str) -> QAbstractButton:
    found = controls(panel, key).findChild(QAbstractButton, name)
    assert found is not None
    return found


def click(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def select(qtbot: QtBot, panel: ServicesPanel, key: str) -> None:
    """By a click on its name."""
    place = panel.tree.visualRect(panel.tree.row_of(key)).center() + QPoint(0, 0)
    qtbot.mouseClick(panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)


def cell(panel: ServicesPanel, key: str, place: Place) -> str:
    index = panel.tree.row_of(key)
    return str(index.siblingAtColumn(place).data()) if index.isValid() else ""


def status(panel: ServicesPanel, key: str) -> str:
    return cell(panel, key, Place.STATUS)


def journal(panel: ServicesPanel) -> list[str]:
    model = panel.journal.model()
    return [
        " ".join(str(model.index(row, column).data()) for column in range(1, model.columnCount()))
        for row in range(model.rowCount())
    ]
