"""What you armed, said in violet with its bolt: never a failure, always yours."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.widgets.label import Label


class FaultBox(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = Label("", "small", wrap=True, selectable=True)
        line = QHBoxLayout(self)
        line.setContentsMargins(34, 8, 12, 8)
        line.addWidget(self._text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def say(self, text: str) -> None:
        self._text.setText(text)
        self.setAccessibleName(text)

    @property
    def text(self) -> str:
        return self._text.text()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("fault_tint"))
            painter.drawRoundedRect(self.rect(), 6, 6)
            draw_icon(painter, QRectF(11, 9, 14, 14), "bolt", theme().color("fault"))
