"""A small number with minus and plus: `− 2 +`. It acts at once."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.core.language import tr
from app.widgets.button import IconButton
from app.widgets.label import Label


class Stepper(QFrame):
    """`value_requested(n)` is what the user asks for; `set_value` shows what is. They differ until it has happened."""

    value_requested = Signal(int)

    def __init__(self, name: str, low: int, high: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high, self._value = low, high, low
        self.setAccessibleName(name)
        self.setProperty("region", "sunken")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(24)
        self._less = IconButton("minus", tr("{name}: one less", name=name))
        self._more = IconButton("plus", tr("{name}: one more", name=name))
        self._shown = Label("", "strong")
        self._shown.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._shown.setMinimumWidth(24)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self._less, self._shown, self._more):
            layout.addWidget(widget)
        for button in (self._less, self._more):
            button.setProperty("measure", "step")
            button.setFixedSize(20, 22)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setAutoRepeat(False)
        self._less.setIconSize(self._less.iconSize() * 0.75)
        self._more.setIconSize(self._more.iconSize() * 0.75)
        self._less.clicked.connect(lambda: self._ask(self._value - 1))
        self._more.clicked.connect(lambda: self._ask(self._value + 1))
        self.set_value(low)

    @property
    def value(self) -> int:
        return self._value

    def set_value(self, value: int) -> None:
        self._value = value
        self._shown.setText(str(value))
        self._less.setEnabled(value > self._low)
        self._more.setEnabled(value < self._high)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Minus | Qt.Key.Key_Left | Qt.Key.Key_Down:
                self._ask(self._value - 1)
            case Qt.Key.Key_Plus | Qt.Key.Key_Right | Qt.Key.Key_Up:
                self._ask(self._value + 1)
            case _:
                super().keyPressEvent(event)

    def _ask(self, value: int) -> None:
        """Further clicks count on from what was asked, not from what has happened yet."""
        if self._low <= value <= self._high:
            self.set_value(value)
            self.value_requested.emit(value)
