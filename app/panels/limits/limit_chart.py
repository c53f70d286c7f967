"""Allowed and limited requests of the last three minutes, a column a second: what passed below, what got 429 on top of it,
hatched. Hovering a column says its figures.
"""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.limits.limit_series import SECONDS, Second
from app.qt.theme import theme
from app.qt.tokens import Tone

HEIGHT: Final = 104
_LEFT: Final = 52
_RIGHT: Final = 16
_TOP: Final = 8
_FOOT: Final = 20
_MINUTE: Final = 60
_LEAST_TOP: Final = 4


class LimitChart(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seconds: Sequence[Second | None] = ()
        self._top = _LEAST_TOP
        self._stale = False
        self.setObjectName("limitChart")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Allowed and limited requests of the last three minutes"))

    def set_seconds(self, seconds: Sequence[Second | None]) -> None:
        known = [second for second in seconds if second is not None]
        self._seconds = seconds
        self._top = round_up(max((second.allowed + second.limited for second in known), default=0))
        allowed, limited = sum(one.allowed for one in known), sum(one.limited for one in known)
        said = tr("{allowed} allowed, {limited} got 429", allowed=f"{allowed:,}", limited=f"{limited:,}")
        if said != self.accessibleDescription():
            self.setAccessibleDescription(said)
        self.update()

    def set_stale(self, stale: bool) -> None:
        if stale != self._stale:
            self._stale = stale
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, HEIGHT)

    # --- geometry -------------------------------------------------------------------------------------------------

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_FOOT)

    def _step(self) -> float:
        return self._plot().width() / SECONDS

    def second_at(self, x: float) -> Second | None:
        """The one whose column is there."""
        at = int((x - _LEFT) // self._step()) if self._step() > 0 else -1
        return self._seconds[at] if 0 <= at < len(self._seconds) else None

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            second = self.second_at(event.pos().x())
            QToolTip.showText(event.globalPos(), "" if second is None else _says(second), self)
            return True
        return super().event(event)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            plot = self._plot()
            self._paint_grid(painter, plot)
            self._paint_columns(painter, plot)
            painter.setPen(QPen(theme().color("border"), 1))
            painter.drawLine(plot.bottomLeft(), plot.bottomRight())

    def _paint_grid(self, painter: QPainter, plot: QRectF) -> None:
        colors = theme()
        painter.setFont(colors.font("caption"))
        metrics = QFontMetricsF(colors.font("caption"))
        for share in (0.5, 1.0):
            y = plot.bottom() - plot.height() * share
            painter.setPen(QPen(colors.color("plot_grid"), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(colors.color("text_muted"))
            place = QRectF(0, y - 8, _LEFT - 8, 16)
            painter.drawText(
                place,
                int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
                f"{self._top * share:,.0f}",
            )
        for minutes in range(SECONDS // _MINUTE, -1, -1):
            x = plot.right() - minutes * _MINUTE * self._step()
            text = tr("{n} min ago", n=minutes) if minutes else tr("now")
            width = metrics.horizontalAdvance(text) + 4
            left = min(max(x - width / 2, plot.left() - 4), plot.right() - width + 4)
            painter.setPen(QPen(colors.color("plot_grid"), 1))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            painter.setPen(colors.color("text_muted"))
            painter.drawText(QRectF(left, plot.bottom() + 3, width, 16), Qt.AlignmentFlag.AlignCenter, text)

    def _paint_columns(self, painter: QPainter, plot: QRectF) -> None:
        colors, step = theme(), self._step()
        allowed_tone: Tone = "unknown" if self._stale else "accent_fill"
        limited_tone: Tone = "unknown" if self._stale else "status_429"
        allowed, limited, ground = (
            colors.color(allowed_tone),
            colors.color(limited_tone),
            QColor(colors.color("surface")),
        )
        ground.setAlphaF(0.5)
        width = max(1.0, step - 1.0)
        for at, second in enumerate(self._seconds):
            if second is None:
                continue
            left = plot.left() + at * step
            low = plot.height() * second.allowed / self._top
            high = plot.height() * second.limited / self._top
            if low:
                painter.fillRect(QRectF(left, plot.bottom() - max(1.0, low), width, max(1.0, low)), allowed)
            if high:
                column = QRectF(left, plot.bottom() - low - max(2.0, high), width, max(2.0, high))
                painter.fillRect(column, limited)
                _hatch(painter, column, ground)


def _hatch(painter: QPainter, column: QRectF, ground: QColor) -> None:
    """Level cuts each third pixel: diagonal ones would not be seen in so narrow a column."""
    y = column.bottom() - 3
    while y > column.top():
        painter.fillRect(QRectF(column.left(), y, column.width(), 1), ground)
        y -= 4


def round_up(highest: int) -> int:
    """The next of 4, 10, 20, 40, 100, 200, …: the value of the upper edge, of which a half is a whole number too."""
    top = _LEAST_TOP
    while top < highest:
        top = top * 5 // 2 if str(top).startswith("4") else top * 2
    return top


def _says(second: Second) -> str:
    return tr(
        "{time}: {allowed} allowed, {limited} got 429",
        time=figures.clock_time(second.at),
        allowed=f"{second.allowed:,}",
        limited=f"{second.limited:,}",
    )
