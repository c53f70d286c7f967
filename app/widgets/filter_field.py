"""The text field that filters a list: it tells after a short pause, and Escape clears it."""

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app.core.language import tr
from app.qt.icons import draw_icon
from app.qt.theme import theme

_PAUSE_MS = 120
_ICON = 16


class FilterField(QLineEdit):
    """`filter_changed(text)` once the typing pauses, at once when it is cleared or Return is pressed."""

    filter_changed = Signal(str)

    def __init__(self, placeholder: str = "", width: int = 168, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        placeholder = placeholder or tr("Filter")
        self.setFont(theme().font("body"))
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setFixedWidth(width)
        self.setMaxLength(200)
        self.setTextMargins(_ICON + 6, 0, 0, 0)
        self._told = ""
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self.textChanged.connect(self._on_text_changed)
        self.returnPressed.connect(self._tell)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        place = QRectF(8, (self.height() - _ICON) / 2, _ICON, _ICON)
        with QPainter(self) as painter:
            draw_icon(painter, place, "search", theme().color("text_muted"))

    def _on_text_changed(self, text: str) -> None:
        if text:
            self._pause.start()
        else:
            self._tell()

    def _tell(self) -> None:
        self._pause.stop()
        if self.text() != self._told:
            self._told = self.text()
            self.filter_changed.emit(self._told)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
