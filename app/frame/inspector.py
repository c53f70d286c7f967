"""The inspector at the right: whatever is selected anywhere; the system itself when nothing is. It can be folded away."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core.language import tr
from app.qt.theme import theme
from app.widgets.button import IconButton
from app.widgets.inspector_page import InspectorPage

_TAB = 40


class Inspector(QFrame):
    """Pages stay their panels' own: they are shown, and given back."""

    folded = Signal(bool)

    def __init__(self, nothing: InspectorPage, parent: QWidget | None = None) -> None:
        """`nothing` is shown while nothing is selected."""
        super().__init__(parent)
        self.setObjectName("inspector")
        self._nothing = nothing
        self._pages = QStackedWidget()
        self._tab = QWidget()
        self._open = IconButton("inspector", tr("Open the inspector"))
        self._open.setObjectName("openInspector")
        self._is_folded = False
        self._pages.addWidget(nothing)
        column = QVBoxLayout(self._tab)
        column.setContentsMargins(4, 12, 4, 12)
        column.addWidget(self._open)
        column.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._tab)
        layout.addWidget(self._pages, 1)
        self._open.clicked.connect(lambda: self.set_folded(False))
        self.set_folded(False)

    def show_page(self, page: InspectorPage | None) -> None:
        wanted = page or self._nothing
        if self._pages.indexOf(wanted) < 0:
            self._pages.addWidget(wanted)
        self._pages.setCurrentWidget(wanted)

    @property
    def page(self) -> QWidget | None:
        return self._pages.currentWidget()

    @property
    def is_folded(self) -> bool:
        return self._is_folded

    def set_folded(self, is_folded: bool) -> None:
        changed = is_folded != self._is_folded
        self._is_folded = is_folded
        self._tab.setVisible(is_folded)
        self._pages.setVisible(not is_folded)
        sizes = theme().size
        self.setMinimumWidth(_TAB if is_folded else sizes.inspector_min)
        self.setMaximumWidth(_TAB if is_folded else sizes.inspector_max)
        if changed:
            self.folded.emit(is_folded)
