"""What a curve is and what it reads now: a piece of its line, its name, its value."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.qt.theme import theme
from app.qt.tokens import Tone

_LINE = 16


class LegendItem(QWidget):
    """`set_value` is what it reads; `sample` is the longest value, for which there is always room."""

    def __init__(self, word: str, tone: Tone, sample: str, *, thick: float = 2.0) -> None:
        super().__init__()
        self._word, self._tone, self._sample = word, tone, sample
        self._thick = thick
        self._value = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(word)

    def set_value(self, value: str) -> None:
        if value != self._value:
            self._value = value
            self.setAccessibleDescription(value)
            self.update()

    @property
    def value(self) -> str:
        return self._value

    def _word_width(self) -> float:
        return QFontMetricsF(theme().font("small")).horizontalAdvance(self._word)

    def sizeHint(self) -> QSize:
        value = QFontMetricsF(theme().font("strong")).horizontalAdvance(self._sample)
        return QSize(int(_LINE + 6 + self._word_width() + (6 + value if self._sample else 0) + 2), 20)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            middle = self.height() / 2
            painter.setPen(QPen(colors.color(self._tone), self._thick))
            painter.drawLine(QPointF(0, middle), QPointF(_LINE, middle))
            painter.setFont(colors.font("small"))
            painter.setPen(colors.color("text_secondary"))
            left = _LINE + 6.0
            place = QRectF(left, 0, self._word_width() + 2, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self._word)
            painter.setFont(colors.font("strong"))
            painter.setPen(colors.color("text"))
            left += self._word_width() + 6
            painter.drawText(
                QRectF(left, 0, self.width() - left, self.height()),
                Qt.AlignmentFlag.AlignVCenter,
                self._value,
            )
