"""The steps of the next run as cards: a click on one arms a failure of it. What is armed is violet and belongs to the next run
only."""

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.panels.sagas.armed_words import MS, choices_for, fault_word
from app.qt.theme import theme
from app.widgets.button import IconButton
from app.widgets.label import ElidedLabel, Label
from app.widgets.switch import Switch
from embedded_services.contracts.sagas import ArmedFault, DefinedStep, FaultKind

MAX_DELAY_S: Final = 120.0


class FaultPicker(QWidget):
    """`changed` when something was armed or disarmed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[FaultRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._column.addStretch(1)

    def show_steps(self, steps: Sequence[DefinedStep]) -> None:
        """Those of the saga that is to be run. What was armed for others is forgotten."""
        if [row.step for row in self._rows] == list(steps):
            return
        for row in self._rows:
            row.setParent(None)  # gone at once, and with it its name
            row.deleteLater()
        self._rows = [FaultRow(step) for step in steps]
        for at, row in enumerate(self._rows):
            row.changed.connect(self.changed)
            self._column.insertWidget(at, row)
        self.changed.emit()

    @property
    def faults(self) -> Mapping[str, ArmedFault]:
        return {row.step.name: row.fault for row in self._rows if row.fault is not None}

    def row(self, step: str) -> "FaultRow":
        """Raises KeyError for a step that there is not."""
        for row in self._rows:
            if row.step.name == step:
                return row
        raise KeyError(step)

    def clear(self) -> None:
        for row in self._rows:
            row.arm(None)

    def show_error(self, step: str, text: str) -> bool:
        """Whether there is such a step."""
        for row in self._rows:
            if row.step.name == step:
                row.show_error(text)
                return True
        return False


class FaultRow(QFrame):
    """One step: a click, Return or Space opens its menu; its switch arms what was armed last, or takes it away."""

    changed = Signal()

    def __init__(self, step: DefinedStep, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step = step
        self.fault: ArmedFault | None = None
        self._last = ArmedFault(FaultKind.FAIL_STEP)
        self.setObjectName(f"arm-{step.name}")
        self.setProperty("region", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(tr("Click to make this step fail in the next run"))
        self._switch = Switch(tr("Make {step} fail", step=step.name), on="fault_fill")
        self._switch.setObjectName(f"switch-{step.name}")
        self._name = ElidedLabel(step.name, "body")
        self._word = Label("", "small", "fault")
        self._delay = QLineEdit()
        self._delay.setObjectName(f"delay-{step.name}")
        self._delay.setAccessibleName(tr("Delay in seconds"))
        self._delay.setFixedSize(52, 22)
        self._delay.setFont(theme().font("mono"))
        self._delay.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._unit = Label(tr("s"), "small", "text_muted")
        self._open = IconButton("chevron-down", tr("Choose how {step} fails", step=step.name))
        self._open.setProperty("measure", "step")
        self._open.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._error = Label("", "small", "bad", wrap=True)
        self._build_ui()
        self._switch.clicked.connect(self._on_switch)
        self._open.clicked.connect(self.open_menu)
        self._delay.textEdited.connect(self._on_delay)
        self._show()

    def _build_ui(self) -> None:
        line, self._second = QHBoxLayout(), QWidget()
        line.setSpacing(8)
        line.addWidget(self._switch)
        line.addWidget(self._name, 1)
        line.addWidget(self._open)
        below = QHBoxLayout(self._second)
        below.setContentsMargins(42, 0, 0, 3)
        below.setSpacing(4)
        below.addWidget(self._word)
        below.addWidget(self._delay)
        below.addWidget(self._unit)
        below.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 4, 0)
        column.setSpacing(0)
        column.addLayout(line)
        column.addWidget(self._second)
        column.addWidget(self._error)

    def arm(self, fault: ArmedFault | None) -> None:
        self.fault = fault
        if fault is not None:
            self._last = fault
            if fault.kind is FaultKind.SLOW:
                self._delay.setText(f"{fault.delay_ms / MS:g}")
        self._show()
        self.changed.emit()

    def show_error(self, text: str) -> None:
        self._error.setText(text)
        self._error.setVisible(bool(text))

    def open_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setObjectName("faultMenu")
        menu.setToolTipsVisible(True)
        none = menu.addAction(tr("Nothing: let it work"))
        none.setObjectName("none")
        none.triggered.connect(lambda: self.arm(None))
        for group in choices_for(self.step):
            menu.addSeparator()
            for choice in group:
                action = QAction(theme().icon("bolt", "fault"), f"{choice.word} – {choice.says}", menu)
                action.setObjectName(choice.key)
                action.triggered.connect(lambda _=False, fault=choice.fault: self.arm(fault))
                menu.addAction(action)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.mapToGlobal(QPoint(0, self.height())))
        return menu

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.open_menu()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.open_menu()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.fault is not None:
            self.arm(None)
        else:
            super().keyPressEvent(event)

    def _on_switch(self, on: bool) -> None:
        self.arm(self._last if on else None)

    def _on_delay(self, text: str) -> None:
        try:
            seconds = float(text.replace(",", "."))
        except ValueError:
            seconds = -1.0
        if not 0.001 <= seconds <= MAX_DELAY_S:
            self.show_error(tr("From 0.001 to {n} s.", n=f"{MAX_DELAY_S:g}"))
            return
        self.show_error("")
        self.fault = self._last = ArmedFault(FaultKind.SLOW, delay_ms=round(seconds * MS))
        self.changed.emit()

    def _show(self) -> None:
        fault = self.fault
        self._switch.setChecked(fault is not None)
        is_slow = fault is not None and fault.kind is FaultKind.SLOW
        self._name.set_tone("fault" if fault is not None else "text")
        self._word.setText("" if fault is None else tr("slow by") if is_slow else fault_word(fault))
        for widget in (self._delay, self._unit):
            widget.setVisible(is_slow)
        self._second.setVisible(fault is not None)
        self.show_error("")
        said = fault_word(fault) if fault is not None else tr("nothing armed")
        self.setAccessibleName(f"{self.step.name}: {said}")
