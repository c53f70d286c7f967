"""A kind of fault as a card of the catalogue: its name, and what the client will see."""

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.core.fault_words import KindWords
from app.core.language import tr
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone

HEIGHT: Final = 52
LEAST_WIDTH: Final = 280
_ROUND: Final = 8.0


class KindCard(QAbstractButton):
    """Checked while it is the one that is composed."""

    def __init__(self, words: KindWords, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = words
        self._active = 0
        self.setObjectName(f"kind.{words.name}")
        self.setText(words.name)
        self.setToolTip(words.help)
        self.setCheckable(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._say()

    def sizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, HEIGHT)

    def set_active(self, count: int) -> None:
        """How many faults of this kind are in force."""
        if count != self._active:
            self._active = count
            self._say()
            self.update()

    def _say(self) -> None:
        active = f", {self._active_words()}" if self._active else ""
        self.setAccessibleName(f"{self.words.name}: {self.words.sees}{active}")

    def _active_words(self) -> str:
        return tr("active") if self._active == 1 else tr("{n} active", n=self._active)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            chosen, focused = self.isChecked(), self.hasFocus()
            edge: Tone = "accent" if chosen or focused else "border_strong" if self.underMouse() else "border"
            ground: Tone = (
                "surface_selected" if chosen else "surface_hover" if self.underMouse() else "surface_raised"
            )
            painter.setPen(QPen(colors.color(edge), 2 if focused else 1))
            painter.setBrush(colors.color(ground))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _ROUND, _ROUND)
            draw_icon(painter, QRectF(11, 11, 14, 14), self.words.icon, colors.color("fault"))
            right = self.width() - 12.0
            if self._active:
                right = self._draw_active(painter, right)
            painter.setPen(colors.color("text"))
            painter.setFont(colors.font("strong"))
            painter.drawText(QRectF(34, 7, right - 34, 22), Qt.AlignmentFlag.AlignVCenter, self.words.name)
            painter.setPen(colors.color("text_secondary"))
            painter.setFont(colors.font("small"))
            room = self.width() - 34 - 10
            said = QFontMetricsF(painter.font()).elidedText(
                self.words.sees, Qt.TextElideMode.ElideRight, room
            )
            painter.drawText(QRectF(34, 27, room, 18), Qt.AlignmentFlag.AlignVCenter, said)

    def _draw_active(self, painter: QPainter, right: float) -> float:
        colors = theme()
        painter.setFont(colors.font("small"))
        painter.setPen(colors.color("fault"))
        word = self._active_words()
        width = QFontMetricsF(painter.font()).horizontalAdvance(word)
        painter.drawText(QRectF(right - width, 7, width + 1, 22), Qt.AlignmentFlag.AlignVCenter, word)
        draw_icon(painter, QRectF(right - width - 16, 12, 12, 12), "bolt", colors.color("fault"))
        return right - width - 24
