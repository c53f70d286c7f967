"""Fields of the composer: one for each parameter of a kind, as its descriptor says; each with its bounds and what is wrong."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.fault_words import choice_word, param_word, unit_word
from app.core.language import tr
from app.panels.faults.draft import Written, bounds_words
from app.widgets.label import ElidedLabel, Label
from app.widgets.segmented_toggle import SegmentedToggle
from app.widgets.switch import Switch
from embedded_services.contracts.faults import FaultParam, ParamType

NUMBER_WIDTH: Final = 96
ANY: Final = ""


class Field(QWidget):
    """A heading with a note at its right, a control, and below what is wrong with it. `edited` when the user changed it."""

    edited = Signal()

    def __init__(self, title: str, note: str = "", tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._note = ElidedLabel(note, "small", "text_muted", self)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight)
        head = QHBoxLayout()
        if title:
            head.addWidget(Label(title, "small", "text_secondary"))
            head.addWidget(self._note, 1)
        self._problem = Label("", "caption", "bad", wrap=True)
        self._problem.setVisible(False)
        self.body = QHBoxLayout()
        self.body.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        if title:
            column.addLayout(head)
        else:
            self._note.hide()
        column.addLayout(self.body)
        column.addWidget(self._problem)
        self.setToolTip(tip)

    def set_note(self, text: str) -> None:
        self._note.setText(text)

    def show_problem(self, text: str) -> None:
        if text != self._problem.text():
            self._problem.setText(text)
            self._problem.setVisible(bool(text))
            self._mark(text)

    def _mark(self, text: str) -> None:
        for widget in self.findChildren(QLineEdit):
            widget.setProperty("invalid", "true" if text else None)
            widget.style().polish(widget)
            widget.setAccessibleDescription(text)


class TextField(Field):
    """A line, with a unit behind it where there is one."""

    def __init__(self, name: str, title: str, *, note: str = "", tip: str = "", unit: str = "") -> None:
        super().__init__(title, note, tip)
        self._edit = QLineEdit()
        self._edit.setObjectName(name)
        self._edit.setAccessibleName(title)
        self._edit.setMaxLength(300)
        if unit:
            self._edit.setFixedWidth(NUMBER_WIDTH)
            self._edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.body.addWidget(self._edit)
        if unit:
            self.body.addWidget(Label(unit, "small", "text_muted"))
            self.body.addStretch(1)
        self._edit.textEdited.connect(lambda _: self.edited.emit())

    @property
    def value(self) -> Written:
        return self._edit.text()

    def set_value(self, value: Written) -> None:
        if str(value) != self._edit.text():
            self._edit.setText(str(value))


class ChoiceField(Field):
    """Written by hand, or chosen from what there is; empty means any."""

    def __init__(self, name: str, title: str, *, placeholder: str = "") -> None:
        super().__init__(title)
        self._box = QComboBox()
        self._box.setObjectName(name)
        self._box.setAccessibleName(title)
        self._box.setEditable(True)
        self._box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setMinimumContentsLength(8)
        if (line := self._box.lineEdit()) is not None:
            line.setMaxLength(300)
            line.setPlaceholderText(placeholder or tr("any"))
        self.body.addWidget(self._box, 1)
        self._box.editTextChanged.connect(lambda _: self.edited.emit())

    @property
    def value(self) -> Written:
        return self._box.currentText()

    def set_value(self, value: Written) -> None:
        if str(value) != self._box.currentText():
            self._box.setCurrentText(str(value))

    def show_choices(self, choices: list[str]) -> None:
        shown = [self._box.itemText(at) for at in range(self._box.count())]
        if shown == choices:
            return
        text = self._box.currentText()
        self._box.blockSignals(True)
        self._box.clear()
        self._box.addItems(choices)
        self._box.setCurrentIndex(-1)
        self._box.setCurrentText(text)
        self._box.blockSignals(False)


class ToggleField(Field):
    """One of few, all in sight."""

    def __init__(
        self, name: str, title: str, choices: dict[str, str], *, note: str = "", tip: str = ""
    ) -> None:
        super().__init__(title, note, tip)
        self._toggle = SegmentedToggle(title, choices, compact=len(choices) > 3)
        self._toggle.setObjectName(name)
        self.body.addWidget(self._toggle)
        self.body.addStretch(1)
        self._toggle.choice_requested.connect(lambda _: self.edited.emit())

    @property
    def value(self) -> Written:
        return self._toggle.choice

    def set_value(self, value: Written) -> None:
        self._toggle.set_choice(str(value))


class SwitchField(Field):
    """Yes or no."""

    def __init__(self, name: str, title: str, help_: str) -> None:
        super().__init__(title)
        self._switch = Switch(title)
        self._switch.setObjectName(name)
        self.body.addWidget(self._switch, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(Label(help_, "small", "text_muted", wrap=True), 1)
        self._switch.clicked.connect(lambda _: self.edited.emit())

    @property
    def value(self) -> Written:
        return self._switch.isChecked()

    def set_value(self, value: Written) -> None:
        self._switch.setChecked(bool(value))


FormField = TextField | ChoiceField | ToggleField | SwitchField


def param_field(param: FaultParam) -> FormField:
    """The field that suits a parameter."""
    name, title = f"params.{param.name}", param_word(param)
    if param.type is ParamType.BOOLEAN:
        return SwitchField(name, title, param.help)
    if param.type is ParamType.CHOICE:
        return ToggleField(name, title, {one: choice_word(one) for one in param.choices}, tip=param.help)
    if param.type is ParamType.TEXT:
        return TextField(name, title, tip=param.help)
    unit = unit_word(param.unit) or " "
    return TextField(name, title, note=bounds_words(param), tip=param.help, unit=unit)
