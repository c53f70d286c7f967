"""The proof of a fault as three bars, figures right-aligned beside them."""

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.faults.proof import ProofLine
from app.qt.theme import theme
from app.qt.tokens import Tone

_LINE: Final = 20
_WORD: Final = 58
_BAR: Final = 150
_FIGURE: Final = 62
_GAP: Final = 8
_LEAST: Final = 3.0


class ProofBars(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[ProofLine, ...] = ()
        self._is_stale = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(_WORD + _BAR + _FIGURE + 200, 3 * _LINE)

    def minimumSizeHint(self) -> QSize:
        return QSize(_WORD + _FIGURE + 60, 3 * _LINE)

    def show_proof(self, lines: tuple[ProofLine, ...], *, stale: bool) -> None:
        if (lines, stale) != (self._lines, self._is_stale):
            self._lines, self._is_stale = lines, stale
            self.setAccessibleName("; ".join(f"{line.word} {line.figure} {line.says}" for line in lines))
            self.setToolTip("\n".join(f"{line.word}: {line.figure} {line.says}" for line in lines))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            bar = max(0.0, min(_BAR, self.width() - _WORD - _FIGURE - 90))
            for at, line in enumerate(self._lines):
                self._draw(painter, QRectF(0, at * _LINE, self.width(), _LINE), line, bar)

    def _draw(self, painter: QPainter, place: QRectF, line: ProofLine, bar: float) -> None:
        colors = theme()
        painter.setFont(colors.font("body"))
        painter.setPen(colors.color("text_muted"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, place.top(), _WORD, _LINE), middle, line.word)
        painter.setPen(Qt.PenStyle.NoPen)
        trough = QRectF(_WORD, place.center().y() - 4, bar, 8)
        painter.setBrush(colors.color("surface_sunken"))
        painter.drawRoundedRect(trough, 2, 2)
        if line.share is not None and bar:
            tone: Tone = "unknown" if self._is_stale else line.tone
            painter.setBrush(colors.color(tone))
            painter.drawRoundedRect(
                QRectF(trough.left(), trough.top(), max(_LEAST, bar * line.share), 8), 2, 2
            )
        left = _WORD + bar + _GAP
        painter.setFont(colors.font("strong"))
        painter.setPen(colors.color("text_muted" if self._is_stale or line.share is None else "text"))
        painter.drawText(
            QRectF(left, place.top(), _FIGURE, _LINE), middle | Qt.AlignmentFlag.AlignRight, line.figure
        )
        left += _FIGURE + _GAP
        painter.setFont(colors.font("body"))
        painter.setPen(colors.color("text_secondary"))
        room = place.right() - left
        said = QFontMetricsF(painter.font()).elidedText(line.says, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, place.top(), room, _LINE), middle, said)
