"""An event's payload in the inspector: as a tree, or as text where it is no JSON or not all of it is here."""

import json
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.events.event_rows import decoded
from app.widgets.json_view import JsonView
from app.widgets.label import Label
from app.widgets.text_view import TextView

TREE_MEMBERS = 2_000


class PayloadView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._body = ""
        self._tree = JsonView(tr("Payload"))
        self._text = TextView(tr("Payload"), lines=16)
        self._note = Label("", "small", "text_muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self._tree, self._text, self._note):
            column.addWidget(widget)

    def show_waiting(self) -> None:
        self._show("", None, "", tr("Fetching it…"))

    def show_note(self, note: str) -> None:
        self._show("", None, "", note)

    def show_body(self, body: str, size: int) -> None:
        """`size` is of the whole, of which `body` may be the beginning only."""
        is_cut = len(body.encode()) < size
        note = (
            tr("The first part of {size}; the rest is not kept.", size=figures.size(size)) if is_cut else ""
        )
        value = None if is_cut else decoded(body)
        if isinstance(value, dict) and _fits(value):
            rest = {key: part for key, part in value.items() if key in ("data", "version", "timestamp")}
            shown = {"data": rest.pop("data", None), **rest} if "data" in rest else value
            self._show(body, shown, "", note)
        else:
            self._show(body, None, _pretty(value, body), note)

    def copy(self) -> None:
        value = decoded(self._body)
        QGuiApplication.clipboard().setText(_pretty(value, self._body))

    @property
    def body(self) -> str:
        return self._body

    def _show(self, body: str, value: Any, text: str, note: str) -> None:
        self._body = body
        self._tree.setVisible(value is not None)
        if value is not None:
            self._tree.set_value(value)
            self._tree.setFixedHeight(self._tree.sizeHint().height())
        self._text.setVisible(bool(text))
        if text:
            self._text.set_text(text)
        self._note.setText(note)
        self._note.setVisible(bool(note))


def _pretty(value: Any, body: str) -> str:
    return body if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _fits(value: Any) -> bool:
    """Whether a tree of it is quick to build."""
    left, parts = TREE_MEMBERS, [value]
    while parts and left > 0:
        part = parts.pop()
        inner = list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
        left -= len(inner)
        parts.extend(inner[: max(0, left)])
    return left > 0
