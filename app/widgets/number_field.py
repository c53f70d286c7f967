"""A number to type or to step: `− 120 /s +`. It acts when it is stepped, and when what was typed is confirmed."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from app.core.language import tr
from app.qt.theme import theme
from app.widgets.button import IconButton
from app.widgets.label import Label

Step = Callable[[float, bool], float]
"""From a value to the next one: up if true."""


class NumberField(QFrame):
    """`value_requested(number)` is what the user asks for; `set_value` shows what is, unless something else is being typed.

    Return or leaving confirms what was typed, Escape takes it back; what is no number, or out of bounds, is not asked for: the
    tooltip says the bounds, and the field shows again what is.
    """

    value_requested = Signal(float)

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        step: Step,
        text: Callable[[float], str],
        *,
        unit: str = "",
        width: int = 56,
        parent: QWidget | None = None,
    ) -> None:
        """`text` is how a value reads; `unit` stands behind it."""
        super().__init__(parent)
        self._low, self._high, self._step, self._text = low, high, step, text
        self._value = low
        self.setProperty("region", "sunken")
        self.setFixedHeight(theme().size.control_large)
        self._less = IconButton("minus", tr("{name}: less", name=name))
        self._more = IconButton("plus", tr("{name}: more", name=name))
        self._field = QLineEdit()
        self._field.setObjectName("number")
        self._field.setAccessibleName(name)
        self._field.setProperty("frameless", "true")
        self._field.setFont(theme().font("strong"))
        self._field.setAlignment(Qt.AlignmentFlag.AlignRight if unit else Qt.AlignmentFlag.AlignHCenter)
        self._field.setMaxLength(12)
        self._field.setFixedWidth(width)
        self._field.setToolTip(tr("From {low} to {high}", low=text(low), high=text(high)))
        self.setFocusProxy(self._field)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(1, 0, 1, 0)
        layout.setSpacing(0)
        layout.addWidget(self._less)
        layout.addWidget(_rule())
        layout.addWidget(self._field)
        if unit:
            layout.addWidget(Label(unit, "strong"))
            layout.addSpacing(8)
        layout.addWidget(_rule())
        layout.addWidget(self._more)
        for button, up in ((self._less, False), (self._more, True)):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setAutoRepeat(True)
            button.clicked.connect(lambda _=False, up=up: self._ask(self._step(self.value, up)))
        self._field.editingFinished.connect(self._on_edited)
        self.set_value(low)

    @property
    def value(self) -> float:
        """What was asked for last, until something else is told."""
        return self._value

    def set_value(self, value: float) -> None:
        self._value = value
        if not self._field.isModified():
            self._show()

    def _show(self) -> None:
        self._field.setText(self._text(self._value))
        self._field.setModified(False)
        self._less.setEnabled(self._value > self._low)
        self._more.setEnabled(self._value < self._high)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Up | Qt.Key.Key_Down:
                self._ask(self._step(self._value, event.key() == Qt.Key.Key_Up))
            case Qt.Key.Key_Escape if self._field.isModified():
                self._show()
            case _:
                super().keyPressEvent(event)

    def _on_edited(self) -> None:
        if not self._field.isModified():
            return
        try:
            value = float(self._field.text().replace(",", "").strip())
        except ValueError:
            value = self._value
        self._field.setModified(False)
        if self._low <= value <= self._high and value != self._value:
            self._ask(value)
        else:
            self._show()

    def _ask(self, value: float) -> None:
        """Further clicks count on from what was asked, not from what has happened yet."""
        if not self._low <= value <= self._high:
            return
        self._value = value
        self._show()
        self.value_requested.emit(value)


def whole_step(value: float, up: bool) -> float:
    """By one, by ten from a hundred on."""
    step = 10 if value > 100 or (value == 100 and up) else 1
    return max(1.0, (value // step + 1) * step if up else -(-value // step) * step - step)


def _rule() -> QFrame:
    rule = QFrame()
    rule.setProperty("region", "rule")
    rule.setFixedWidth(1)
    return rule
