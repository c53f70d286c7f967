"""The faults in the top bar: how many, until when, and the one button that ends them all, always in the same place."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.widgets.button import Button
from app.widgets.chip import Chip

RESTORE_KEYS = "Ctrl+Shift+R"


class FaultChip(QWidget):
    """`restore_requested`; `opened` when the chip is clicked."""

    restore_requested = Signal()
    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("faultChip")
        self._chip = Chip("", "fault", "bolt")
        self._restore = Button(
            tr("Restore all"), large=True, tooltip=tr("End every fault at once ({keys})", keys=RESTORE_KEYS)
        )
        self._restore.setObjectName("restoreAll")
        self._count = -1
        self._is_able = True
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self._chip)
        layout.addWidget(self._restore)
        self._chip.clicked.connect(self.opened)
        self._restore.clicked.connect(self.restore_requested)
        self.show_faults(0, 0.0)

    def show_faults(self, count: int, last_s: float, *, able: bool = True) -> None:
        """`last_s` is the time until the last one ends. Not `able`: there is no contact to whoever would end them."""
        self._chip.setVisible(bool(count))
        word = tr("1 fault") if count == 1 else tr("{n} faults", n=count)
        self._chip.set_text(f"{word} · {figures.lasting(max(0.0, last_s))}")
        if (count, able) != (self._count, self._is_able):
            self._count, self._is_able = count, able
            self._show_button()

    def set_busy(self, *, busy: bool) -> None:
        self._restore.set_busy(busy)
        if not busy:
            self._show_button()

    @property
    def can_restore(self) -> bool:
        return self._restore.isEnabled()

    def _show_button(self) -> None:
        self._restore.set_kind("fault" if self._count else "normal")
        if not self._restore.is_busy:
            self._restore.setEnabled(bool(self._count) and self._is_able)
