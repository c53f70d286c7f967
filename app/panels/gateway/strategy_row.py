"""A service's name and how its instances are chosen: six choices in sight, in a list where there is no room for them."""

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from app.core.language import tr
from app.panels.gateway.words import how_it_chooses, strategies
from app.qt.theme import theme
from app.widgets.label import ElidedLabel
from app.widgets.segmented_toggle import SegmentedToggle

_LEAST_NAME: Final = 64
_MOST_NAME: Final = 120
_COMBO: Final = 168


class QuietCombo(QComboBox):
    """Does not change when the page below the pointer is scrolled."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class StrategyRow(QWidget):
    """`strategy_requested(key)`; `set_strategy` shows what holds, or what was asked for and does not hold yet."""

    strategy_requested = Signal(str)

    def __init__(self, service: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        words, tips = strategies(), how_it_chooses()
        name = tr("Strategy of {service}", service=service)
        self._name = ElidedLabel(service, "section", parent=self)
        self.toggle = SegmentedToggle(name, words, self, tips=tips, compact=True)
        self.toggle.setObjectName(f"strategy-{service}")
        self.combo = QuietCombo(self)
        self.combo.setAccessibleName(name)
        self.combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for key, word in words.items():
            self.combo.addItem(word, str(key))
            self.combo.setItemData(self.combo.count() - 1, tips[key], Qt.ItemDataRole.ToolTipRole)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.toggle.choice_requested.connect(self.strategy_requested)
        self.combo.activated.connect(lambda at: self.strategy_requested.emit(self.combo.itemData(at)))

    def set_strategy(self, key: str, *, busy: bool) -> None:
        if self.toggle.choice != key:
            self.toggle.set_choice(key)
        at = self.combo.findData(key)
        if self.combo.currentIndex() != at:
            self.combo.setCurrentIndex(at)
        self.toggle.set_busy(busy)

    def set_enabled(self, *, enabled: bool) -> None:
        self.toggle.setEnabled(enabled)
        self.combo.setEnabled(enabled)

    @property
    def shows_all(self) -> bool:
        """Whether all choices are in sight."""
        return not self.toggle.isHidden()

    def sizeHint(self) -> QSize:
        return QSize(480, theme().size.control)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_NAME + _COMBO + 8, theme().size.control)

    def resizeEvent(self, event: QResizeEvent) -> None:
        wide = self.toggle.sizeHint().width()
        name = min(_MOST_NAME, self._name.sizeHint().width())
        fits = self.width() >= wide + name + 8
        width = wide if fits else _COMBO
        left = self.width() - width
        self.toggle.setVisible(fits)
        self.combo.setVisible(not fits)
        chosen: QWidget = self.toggle if fits else self.combo
        chosen.setGeometry(left, 0, width, self.height())
        self._name.setGeometry(0, 0, left - 8, self.height())
