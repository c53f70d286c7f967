"""Text for painted rows and cards: shaped once, drawn often. Most of them say what they or others said before."""

from functools import cache, lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter

from app.qt.theme import theme
from app.qt.tokens import Face, Tone


@cache
def measures(face: Face, *, strong: bool = False) -> tuple[QFont, QFontMetricsF, float]:
    """The font, its metrics, and how far below a line's middle its baseline is. The same in every theme."""
    font = QFont(theme().font(face))
    if strong:
        font.setWeight(QFont.Weight.DemiBold)
    metrics = QFontMetricsF(font)
    return font, metrics, (metrics.ascent() - metrics.descent()) / 2


@lru_cache(maxsize=8192)
def advance(text: str, face: Face, strong: bool = False) -> float:
    return measures(face, strong=strong)[1].horizontalAdvance(text)


@lru_cache(maxsize=8192)
def cut(text: str, face: Face, strong: bool, width: int) -> str:
    """As much of it as has room."""
    if advance(text, face, strong) <= width + 1:
        return text
    return measures(face, strong=strong)[1].elidedText(text, Qt.TextElideMode.ElideRight, width + 1)


def put(
    painter: QPainter, area: QRectF, text: str, face: Face, tone: Tone, *, right: bool = False, strong: bool = False
) -> float:  # fmt: skip
    """One line in the middle of the area's height, at its left or right; gives how wide it is."""
    if area.width() < 1 or not text:
        return 0.0
    font, _, lift = measures(face, strong=strong)
    shown = cut(text, face, strong, int(area.width()))
    wide = advance(shown, face, strong)
    painter.setFont(font)
    painter.setPen(theme().color(tone))
    painter.drawText(QPointF(area.right() - wide if right else area.left(), area.center().y() + lift), shown)
    return wide
