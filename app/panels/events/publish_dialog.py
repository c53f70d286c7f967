"""The dialog in which an event is written. It stays open until the broker has it or it is given up, so that what is wrong
is said where it was typed; the data is checked while it is typed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.events.publish_form import FieldName, data_of, parse
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.notice import Notice
from embedded_services.contracts.events import NewEvent

_WIDTH = 560
_CHECK_MS = 150


@dataclass(frozen=True)
class Offer:
    """What the dialog begins with: its title, what submitting does, and what stands in its fields."""

    title: str
    text: str
    submit: str
    type: str = ""
    source: str = "person"
    data: str = "{\n  \n}"
    keeps_source: bool = False


class PublishDialog(QDialog):
    """`submitted(NewEvent)`; then `set_busy`, and `accept` or `show_failure`. Deletes itself when it is closed."""

    submitted = Signal(object)

    def __init__(self, offer: Offer, types: Sequence[str], parent: QWidget) -> None:
        """`types` are offered, others may be typed."""
        super().__init__(parent)
        self.setObjectName("publishDialog")
        self.setWindowTitle(offer.title)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(_WIDTH)
        self._types = QComboBox()
        self._type, self._source = QLineEdit(), QLineEdit(offer.source)
        self._data = QPlainTextEdit(offer.data)
        self._says = Label("", "small", "text_muted", wrap=True)
        self._errors: dict[FieldName, Label] = {
            "type": Label("", "small", "bad", wrap=True),
            "source": Label("", "small", "bad", wrap=True),
            "data": self._says,
        }
        self._notice = Notice("bad")
        self._submit = Button(offer.submit, kind="primary", large=True)
        self._cancel = Button(tr("Cancel"), large=True)
        self._check = QTimer(self)
        self._check.setSingleShot(True)
        self._check.setInterval(_CHECK_MS)
        self._prepare(offer, types)
        self._build_ui(offer)
        self._connect()
        self._show_data()
        (self._data if offer.type else self._type).setFocus()

    def _prepare(self, offer: Offer, types: Sequence[str]) -> None:
        for widget, name in (
            (self._types, "types"), (self._type, "type"), (self._source, "source"), (self._data, "data"),
            (self._submit, "submit"), (self._cancel, "cancel"), (self._says, "dataSays"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._type.setProperty("frameless", "true")
        self._types.setEditable(True)
        self._types.setLineEdit(self._type)
        self._types.addItems(list(types))
        self._types.setCurrentText(offer.type)
        self._types.setMaxVisibleItems(16)
        self._type.setPlaceholderText("order.created")
        self._type.setMaxLength(200)
        self._source.setMaxLength(60)
        self._source.setReadOnly(offer.keeps_source)
        self._source.setEnabled(not offer.keeps_source)
        for field in (self._type, self._source):
            field.setFont(theme().font("body"))
        self._data.setFont(theme().font("mono"))
        self._data.setTabChangesFocus(True)
        self._data.setMinimumHeight(220)
        self._submit.setToolTip("Ctrl+Return")
        self._submit.setDefault(True)

    def _build_ui(self, offer: Offer) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[FieldName, str, QWidget], ...] = (
            ("type", tr("Type"), self._types),
            ("source", tr("Source"), self._source),
        )
        for at, (name, title, control) in enumerate(rows):
            label = Label(title, "body", "text_secondary")
            label.setBuddy(control)
            control.setAccessibleName(title)
            grid.addWidget(label, 2 * at, 0)
            grid.addWidget(control, 2 * at, 1)
            grid.addWidget(self._errors[name], 2 * at + 1, 1)
            grid.setRowMinimumHeight(2 * at + 1, 6)
            self._errors[name].setVisible(False)
        self._data.setAccessibleName(tr("Data, as JSON"))
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._submit)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(10)
        column.addWidget(Label(offer.title, "section"))
        column.addWidget(Label(offer.text, "body", "text_secondary", wrap=True))
        column.addLayout(grid)
        column.addWidget(Label(tr("Data, as JSON"), "body", "text_secondary"))
        column.addWidget(self._data)
        for widget in (self._says, self._notice):
            column.addWidget(widget)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self._check.timeout.connect(self._show_data)
        self._data.textChanged.connect(self._check.start)
        self._type.textChanged.connect(lambda _: self._show_error("type", ""))
        self._source.textEdited.connect(lambda _: self._show_error("source", ""))
        self._submit.clicked.connect(self._on_submit)
        self._cancel.clicked.connect(self.reject)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self).activated.connect(self._on_submit)

    # --- what the panel tells -------------------------------------------------------------------------------------

    def set_busy(self, *, busy: bool) -> None:
        self._submit.set_busy(busy)

    def show_failure(self, message: UserMessage, fields: Mapping[str, str]) -> None:
        """It was refused: what was said of the fields that it named, and as a whole."""
        self.set_busy(busy=False)
        for name in ("type", "source", "data"):
            if name in fields:
                self._show_error(name, fields[name])
        self._notice.show_message(message)

    # --- what the user does ---------------------------------------------------------------------------------------

    def _on_submit(self) -> None:
        if not self._submit.isEnabled():
            return
        self._notice.clear()
        found = parse(self._type.text(), self._source.text(), self._data.toPlainText())
        if isinstance(found, NewEvent):
            self.set_busy(busy=True)
            self.submitted.emit(found)
            return
        for name in ("type", "source", "data"):
            self._show_error(name, found.get(name, ""))
        first = next(iter(sorted(found, key=("type", "source", "data").index)))
        {"type": self._type, "source": self._source, "data": self._data}[first].setFocus()

    def _show_data(self) -> None:
        self._show_error("data", data_of(self._data.toPlainText())[1])

    def _show_error(self, name: FieldName, says: str) -> None:
        control: QWidget = {"type": self._types, "source": self._source, "data": self._data}[name]
        label = self._errors[name]
        if name == "data":
            label.setText(says or tr("valid JSON"))
            self._says.set_tone("bad" if says else "ok")
        else:
            label.setText(says)
            label.setVisible(bool(says))
        control.setAccessibleDescription(says)
        if control.property("invalid") != ("true" if says else None):
            control.setProperty("invalid", "true" if says else None)
            control.style().polish(control)
