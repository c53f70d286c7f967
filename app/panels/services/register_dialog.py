"""The dialog in which an instance that runs elsewhere is registered. It stays open until that is done or given up, so
that what is wrong is said where it was typed.
"""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.services.register_form import FIELDS, FieldName, parse
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import Label
from app.widgets.notice import Notice

_WIDTH = 480
_DEFAULTS: Mapping[FieldName, str] = {
    "service": "", "id": "", "host": "127.0.0.1", "port": "", "ttl": "30", "health_path": "/health", "weight": "1",
}  # fmt: skip


class RegisterDialog(QDialog):
    """`submitted(Wish)`; then `set_busy`, and `accept` or `show_failure`. Deletes itself when it is closed."""

    submitted = Signal(object)

    def __init__(self, services: Sequence[str], service: str, parent: QWidget) -> None:
        """`services` are offered, others may be typed; `service` is filled in."""
        super().__init__(parent)
        self.setObjectName("registerDialog")
        self.setWindowTitle(tr("Register an instance"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(_WIDTH)
        self._service = QComboBox()
        self._fields: dict[FieldName, QLineEdit] = {name: self._make_field(name) for name in FIELDS}
        self._errors: dict[FieldName, Label] = {name: Label("", "small", "bad", wrap=True) for name in FIELDS}
        self._service.addItems(list(services))
        self._service.setCurrentText(service or next(iter(services), ""))
        self._keep = QCheckBox(tr("Renew it for as long as this window is open"))
        self._keep.setObjectName("keep")
        self._keep.setChecked(True)
        self._notice = Notice("bad")
        self._submit = Button(tr("Register"), kind="primary", large=True)
        self._submit.setObjectName("submit")
        self._cancel = Button(tr("Cancel"), large=True)
        self._build_ui()
        self._submit.setDefault(True)
        self._submit.clicked.connect(self._on_submit)
        self._cancel.clicked.connect(self.reject)

    def _make_field(self, name: FieldName) -> QLineEdit:
        field = QLineEdit(_DEFAULTS[name])
        if name == "service":
            field.setProperty("frameless", "true")
            self._service.setEditable(True)
            self._service.setLineEdit(field)
        field.setObjectName(name)
        field.setMaxLength(300)
        field.setFont(theme().font("body"))
        field.textEdited.connect(lambda: self._show_errors({}, (name,)))
        return field

    def _build_ui(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for at, (name, title) in enumerate(_titles().items()):
            control: QWidget = self._service if name == "service" else self._fields[name]
            label = Label(title, "body", "text_secondary")
            label.setBuddy(control)
            control.setAccessibleName(title)
            grid.addWidget(label, 2 * at, 0)
            grid.addWidget(control, 2 * at, 1)
            grid.addWidget(self._errors[name], 2 * at + 1, 1)
            grid.setRowMinimumHeight(2 * at + 1, 6)
            self._errors[name].setVisible(False)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._submit)
        explanation = tr(
            "It gets requests like any other once it passes its checks. One that is not renewed in time is lost."
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(12)
        column.addWidget(Label(tr("Register an instance"), "section"))
        column.addWidget(Label(explanation, "body", "text_secondary", wrap=True))
        column.addLayout(grid)
        column.addWidget(self._keep)
        column.addWidget(self._notice)
        column.addLayout(buttons)

    # --- what the panel tells -------------------------------------------------------------------------------------

    def set_busy(self, *, busy: bool) -> None:
        self._submit.set_busy(busy)

    def show_failure(self, message: UserMessage, fields: Mapping[str, str]) -> None:
        """The system refused: what it said of the fields it named (as they are on the wire), and as a whole."""
        wire = {"health_path": "healthPath"}
        known = {name: fields[wire.get(name, name)] for name in FIELDS if wire.get(name, name) in fields}
        self._show_errors(known, FIELDS)
        self._notice.show_message(message)

    # --- what the user does ---------------------------------------------------------------------------------------

    def _on_submit(self) -> None:
        self._notice.clear()
        wish = parse(
            {name: field.text() for name, field in self._fields.items()}, keep=self._keep.isChecked()
        )
        self._show_errors(wish if isinstance(wish, dict) else {}, FIELDS)
        if not isinstance(wish, dict):
            self.set_busy(busy=True)
            self.submitted.emit(wish)

    def _show_errors(self, errors: Mapping[FieldName, str], of: Sequence[FieldName]) -> None:
        for name in of:
            says = errors.get(name, "")
            label, field = self._errors[name], self._fields[name]
            label.setText(says)
            label.setVisible(bool(says))
            field.setAccessibleDescription(says)
            control = self._service if name == "service" else field
            control.setProperty("invalid", "true" if says else None)
            control.style().polish(control)
        if errors:
            self._fields[next(iter(errors))].setFocus()
        self.adjustSize()


def _titles() -> dict[FieldName, str]:
    return {
        "service": tr("Service"),
        "id": tr("Id"),
        "host": tr("Host"),
        "port": tr("Port"),
        "ttl": tr("Renewed within, seconds"),
        "health_path": tr("Health path"),
        "weight": tr("Weight"),
    }
