"""The time that a fault has left: a ring that empties, with the time in it."""

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core import figures
from app.core.language import tr
from app.qt.theme import theme

_SIDE: Final = 52
_THICK: Final = 3.0


class CountdownRing(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._share, self._is_stale = "", 0.0, False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(_SIDE, _SIDE)

    def show_left(self, left_s: float, of_s: float, *, stale: bool = False) -> None:
        """Seconds that are left, of those that it was armed for."""
        text = figures.lasting(max(0.0, left_s))
        share = min(1.0, max(0.0, left_s / of_s)) if of_s > 0 else 0.0
        if (text, stale) != (self._text, self._is_stale) or abs(share - self._share) > 1 / 360:
            self._text, self._share, self._is_stale = text, share, stale
            self.setAccessibleName(tr("ends in {time}", time=text))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            place = QRectF(_THICK, _THICK, self.width() - 2 * _THICK, self.height() - 2 * _THICK)
            painter.setPen(QPen(colors.color("border"), _THICK))
            painter.drawEllipse(place)
            ink = QPen(colors.color("unknown" if self._is_stale else "fault"), _THICK)
            ink.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(ink)
            painter.drawArc(place, 90 * 16, round(-360 * 16 * self._share))
            painter.setPen(colors.color("text_muted" if self._is_stale else "text"))
            painter.setFont(colors.font("strong" if len(self._text) < 6 else "caption"))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self._text)
