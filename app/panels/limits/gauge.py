"""How full a client's allowance is, as a bar: filled by what counts, hatched and capped at the limit.

Without colour the three states differ too: a plain bar, one whose last fifth is set off, a full hatched one.
"""

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.language import tr
from app.qt.theme import theme
from app.qt.tokens import Tone
from embedded_services.contracts.gateway import LimitClient

NEARLY: Final = 0.8
_HATCH: Final = 7.0
_HATCH_ALPHA: Final = 0.45
_ROUND: Final = 2.0


def fullness(row: LimitClient) -> float:
    """Between 0 and 1; 1 only at the limit."""
    if row.remaining == 0:
        return 1.0
    return min(1.0, row.count / row.limit)


def tone_of(row: LimitClient) -> Tone:
    if row.remaining == 0:
        return "status_429"
    return "warn" if fullness(row) >= NEARLY else "text_secondary"


def says(row: LimitClient) -> str:
    """`72 %`, `at the limit`, or `12 over` where the limit was lowered below what had passed."""
    if row.count > row.limit:
        return tr("{n} over the limit", n=f"{row.count - row.limit:,}")
    if row.remaining == 0:
        return tr("at the limit")
    percent = fullness(row) * 100
    return tr("< 1 %") if 0 < percent < 1 else tr("{n} %", n=min(99, round(percent)))


def draw_gauge(painter: QPainter, bar: QRectF, row: LimitClient, *, stale: bool) -> None:
    colors = theme()
    share = fullness(row)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colors.color("surface_sunken"))
    painter.drawRoundedRect(bar, _ROUND, _ROUND)
    if share:
        fill = QRectF(bar.left(), bar.top(), max(2.0, bar.width() * share), bar.height())
        painter.setBrush(_ink("status_429" if share >= 1 else "accent_fill", stale=stale))
        painter.drawRoundedRect(fill, _ROUND, _ROUND)
        if share >= 1:
            _draw_full(painter, fill, stale=stale)
        elif share >= NEARLY:
            _draw_nearly(painter, bar, fill, stale=stale)
    painter.restore()


def _ink(tone: Tone, *, stale: bool) -> QColor:
    return theme().color("unknown" if stale else tone)


def _draw_nearly(painter: QPainter, bar: QRectF, fill: QRectF, *, stale: bool) -> None:
    """What goes beyond four fifths, behind a gap."""
    edge = bar.left() + bar.width() * NEARLY
    painter.setBrush(theme().color("surface_sunken"))
    painter.drawRect(QRectF(edge - 1, bar.top(), fill.right() - edge + 1, bar.height()))
    painter.setBrush(_ink("warn", stale=stale))
    painter.drawRoundedRect(
        QRectF(edge + 1, bar.top(), fill.right() - edge - 1, bar.height()), _ROUND, _ROUND
    )


def _draw_full(painter: QPainter, bar: QRectF, *, stale: bool) -> None:
    """Hatched, and closed by a cap that stands out above and below."""
    ground = QColor(theme().color("surface"))
    ground.setAlphaF(_HATCH_ALPHA)
    path = QPainterPath()
    path.addRoundedRect(bar, _ROUND, _ROUND)
    painter.save()
    painter.setClipPath(path, Qt.ClipOperation.IntersectClip)
    painter.setPen(QPen(ground, 1.6))
    left = bar.left() - bar.height()
    while left < bar.right():
        painter.drawLine(QPointF(left, bar.bottom()), QPointF(left + bar.height(), bar.top()))
        left += _HATCH
    painter.restore()
    painter.setBrush(_ink("status_429", stale=stale))
    painter.drawRect(QRectF(bar.right() - 2, bar.top() - 3, 2, bar.height() + 6))


class Gauge(QWidget):
    """One client's, for the inspector; the figures beside it say the same."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: LimitClient | None = None
        self._stale = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_row(self, row: LimitClient, *, stale: bool) -> None:
        if (row, stale) != (self._row, self._stale):
            self._row, self._stale = row, stale
            self.setAccessibleName(f"{row.count:,} / {row.limit:,}, {says(row)}")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._row is not None:
            bar = QRectF(0, 4, self.width() - 1, self.height() - 8)
            with QPainter(self) as painter:
                draw_gauge(painter, bar, self._row, stale=self._stale)
