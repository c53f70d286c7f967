"""How long calls will take: those that are not touched, those that are, and the timeout."""

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.fault_outlook import BINS, Times
from app.core.language import tr
from app.qt.theme import theme
from app.qt.tokens import Tone

_PLOT: Final = 48
_AXIS: Final = 16
_LEAST: Final = 0.002


class OutlookPlot(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._times: Times | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("How long calls will take"))

    def sizeHint(self) -> QSize:
        return QSize(240, _PLOT + _AXIS)

    def show_times(self, times: Times | None) -> None:
        if times != self._times:
            self._times = times
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        times = self._times
        if times is None:
            return
        colors = theme()
        with QPainter(self) as painter:
            plot = QRectF(0, 0, self.width(), _PLOT)
            painter.fillRect(plot, colors.color("surface_sunken"))
            most = max(*times.usual, *times.added, _LEAST)
            width = plot.width() / BINS
            for at in range(BINS):
                usual, added = times.usual[at], times.added[at]
                bars: tuple[tuple[float, Tone, float], ...] = (
                    (usual, "plot_p95", 0.0),
                    (added, "fault", usual),
                )
                for share, tone, base in bars:
                    if share > _LEAST * most:
                        high = (_PLOT - 6) * share / most
                        foot = plot.bottom() - (_PLOT - 6) * base / most
                        painter.fillRect(
                            QRectF(at * width + 1, foot - high, width - 2, high), colors.color(tone)
                        )
            painter.setPen(QPen(colors.color("border"), 1))
            painter.drawLine(plot.bottomLeft(), plot.bottomRight())
            painter.setFont(colors.font("caption"))
            self._draw_axis(painter, times, plot)

    def _draw_axis(self, painter: QPainter, times: Times, plot: QRectF) -> None:
        colors = theme()
        line = QRectF(0, plot.bottom() + 2, plot.width(), _AXIS)
        painter.setPen(colors.color("text_muted"))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, "0")
        limit = times.timeout_ms
        word = ""
        if limit is not None:
            at = plot.width() * limit / times.top_ms
            painter.setPen(QPen(colors.color("bad"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(at, 0), QPointF(at, plot.bottom()))
            word = tr("timeout {s} s", s=f"{limit / 1000:g}")
            painter.setPen(colors.color("text_secondary"))
            width = painter.fontMetrics().horizontalAdvance(word)
            left = min(plot.width() - width, max(0.0, at - width / 2))
            painter.drawText(QRectF(left, line.top(), width + 1, _AXIS), Qt.AlignmentFlag.AlignLeft, word)
            edges = (left - 8, left + width + 8)
        else:
            edges = (plot.width(), plot.width())
        said = tr("{n} ms", n=f"{times.middle_ms:,.0f}")
        width = painter.fontMetrics().horizontalAdvance(said)
        left = min(plot.width() - width, max(12.0, plot.width() * times.middle_ms / times.top_ms - width / 2))
        if left + width < edges[0] or left > edges[1]:
            painter.setPen(colors.color("text_muted"))
            painter.drawText(QRectF(left, line.top(), width + 1, _AXIS), Qt.AlignmentFlag.AlignLeft, said)
