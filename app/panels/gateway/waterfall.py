"""The painted waterfall of one request: a label, a bar where it happened, a figure."""

from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core.language import tr
from app.panels.gateway.trace_rows import BarKind, TraceBar, TraceView
from app.qt.theme import theme
from app.qt.tokens import Tone

LINE: Final = 22
_LABEL: Final = 108
_FIGURE: Final = 48
_INDENT: Final = 8
_TONES: Final[dict[BarKind, Tone]] = {
    "gateway": "edge",
    "work": "accent_fill",
    "inner": "accent",
    "wait": "border",
    "failed": "bad",
}


class Waterfall(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = TraceView((), 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_trace(self, view: TraceView) -> None:
        if view == self._view:
            return
        self._view = view
        self.setAccessibleName(tr("Trace"))
        told = (
            f"{bar.label}, {bar.start:.1f} – {bar.start + bar.took:.1f} ms, {bar.figure}" for bar in view.bars
        )
        self.setAccessibleDescription("; ".join(told))
        self.updateGeometry()
        self.update()

    @property
    def bars(self) -> tuple[TraceBar, ...]:
        return self._view.bars

    def sizeHint(self) -> QSize:
        return QSize(240, LINE * max(1, len(self._view.bars)))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for at, bar in enumerate(self._view.bars):
                self._paint_bar(painter, at * LINE, bar)

    def _paint_bar(self, painter: QPainter, top: int, bar: TraceBar) -> None:
        colors = theme()
        left = min(4, bar.depth) * _INDENT
        label = min(_LABEL, self.width() // 2)
        track = QRectF(label, top + (LINE - 9) / 2, max(8, self.width() - label - _FIGURE), 9)
        painter.setFont(colors.font("small"))
        metrics = QFontMetricsF(colors.font("small"))
        text = metrics.elidedText(bar.label, Qt.TextElideMode.ElideRight, label - left - 6)
        painter.setPen(colors.color("text_secondary"))
        painter.drawText(QRectF(left, top, label - left, LINE), int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.color("surface_sunken"))
        painter.drawRoundedRect(track, 2, 2)
        width = max(2.0, track.width() * bar.took / self._view.span)
        place = min(track.left() + track.width() * bar.start / self._view.span, track.right() - width)
        painter.setBrush(colors.color(_TONES[bar.kind]))
        painter.drawRoundedRect(QRectF(max(track.left(), place), track.top(), width, track.height()), 2, 2)
        painter.setPen(colors.color("bad" if bar.kind == "failed" else "text"))
        area = QRectF(self.width() - _FIGURE, top, _FIGURE, LINE)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), bar.figure)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            at = event.pos().y() // LINE
            bar = self._view.bars[at] if 0 <= at < len(self._view.bars) else None
            QToolTip.showText(event.globalPos(), (bar.tooltip or bar.label) if bar is not None else "", self)
            return True
        return super().event(event)
