"""A thin bar that says how far something has come."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.qt.theme import theme

_HEIGHT = 6


class ProgressLine(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_share(self, share: float, meaning: str) -> None:
        """`share` from 0 to 1; `meaning` says it in words."""
        self.setAccessibleName(meaning)
        share = min(1.0, max(0.0, share))
        if share != self._share:
            self._share = share
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            track = QRectF(0, (self.height() - _HEIGHT) / 2, self.width(), _HEIGHT)
            painter.setBrush(theme().color("border"))
            painter.drawRoundedRect(track, 3, 3)
            if self._share > 0:
                track.setWidth(max(_HEIGHT, track.width() * self._share))
                painter.setBrush(theme().color("accent_fill"))
                painter.drawRoundedRect(track, 3, 3)
