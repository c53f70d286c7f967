"""Data in the inspector: a tree as high as what is open of it, or a sentence where there is none."""

import json
from collections.abc import Mapping
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.widgets.json_view import JsonView
from app.widgets.label import Label


class JsonSection(QWidget):
    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Mapping[str, Any] | None = {}
        self._tree = JsonView(name)
        self._none = Label("", "small", "text_muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._tree)
        column.addWidget(self._none)

    @property
    def value(self) -> Mapping[str, Any] | None:
        return self._value

    def show_value(self, value: Mapping[str, Any] | None, otherwise: str) -> None:
        """`otherwise` is said where there is nothing. What is shown already keeps what is open of it."""
        self._none.setText(otherwise)
        self._none.setVisible(not value)
        self._tree.setVisible(bool(value))
        if value != self._value:
            self._value = value
            if value:
                self._tree.set_value(dict(value))
                self._tree.setFixedHeight(self._tree.sizeHint().height())

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(json.dumps(self._value, indent=2, ensure_ascii=False))
