"""Every status code that was answered since the start, as one bar and as counts; what had no answer is there with its cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core import figures
from app.core.language import tr
from app.core.traffic_words import cause_text
from app.panels.traffic.traffic_series import class_of
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.shapes import draw_status
from embedded_services.contracts.traffic import TrafficTotals

_HEIGHT: Final = 44
_BAR: Final = 12
_LAMP: Final = 10
_GAP: Final = 18
_LOOKS: Final[dict[str, tuple[Tone, str]]] = {
    "2xx": ("status_2xx", "healthy"),
    "3xx": ("accent", "unknown"),
    "4xx": ("status_4xx", "degraded"),
    "429": ("status_429", "degraded"),
    "5xx": ("status_5xx", "unhealthy"),
    "error": ("bad", "lost"),
}


@dataclass(frozen=True)
class Part:
    word: str
    count: int
    tone: Tone
    mark: str


def parts_of(totals: TrafficTotals) -> list[Part]:
    """By code, what had no answer last."""
    found = []
    for status, number in totals.statuses.items():
        tone, mark = _LOOKS.get(class_of(status), _LOOKS["3xx"])
        found.append(Part(status, number, tone, mark))
    tone, mark = _LOOKS["error"]
    return [*found, *(Part(cause_text(cause), number, tone, mark) for cause, number in totals.errors.items())]


class StatusStrip(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: Sequence[Part] = ()
        self.setObjectName("statusCodes")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Status codes"))

    @property
    def parts(self) -> Sequence[Part]:
        return self._parts

    def show_totals(self, totals: TrafficTotals) -> None:
        parts = parts_of(totals)
        if parts != self._parts:
            self._parts = parts
            self.setAccessibleDescription(self._says())
            self.update()

    def _says(self) -> str:
        return ", ".join(f"{part.word}: {figures.count(part.count)}" for part in self._parts)

    def sizeHint(self) -> QSize:
        return QSize(400, _HEIGHT)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self._says(), self)
            return True
        return super().event(event)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            colors = theme()
            middle = self.height() / 2
            painter.setFont(colors.font("section"))
            painter.setPen(colors.color("text"))
            title = tr("Status codes")
            painter.drawText(QRectF(16, 0, 120, self.height()), Qt.AlignmentFlag.AlignVCenter, title)
            counts = self._counts_width()
            bar = QRectF(128, middle - _BAR / 2, max(80.0, self.width() - 128 - counts - 32), _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("surface_sunken"))
            painter.drawRoundedRect(bar, 3, 3)
            self._paint_bar(painter, bar)
            self._paint_counts(painter, bar.right() + 16)

    def _paint_bar(self, painter: QPainter, bar: QRectF) -> None:
        """What is there at all has two pixels at least."""
        whole = sum(part.count for part in self._parts)
        left = bar.left()
        for part in self._parts:
            width = max(2.0, bar.width() * part.count / whole)
            width = min(width, bar.right() - left)
            painter.fillRect(
                QRectF(left, bar.top(), max(1.0, width - 1), bar.height()), theme().color(part.tone)
            )
            left += width

    def _counts_width(self) -> float:
        strong, plain = QFontMetricsF(theme().font("strong")), QFontMetricsF(theme().font("body"))
        return sum(
            _LAMP + 6 + strong.horizontalAdvance(part.word) + 6
            + plain.horizontalAdvance(figures.count(part.count)) + _GAP
            for part in self._parts
        )  # fmt: skip

    def _paint_counts(self, painter: QPainter, left: float) -> None:
        colors = theme()
        for part in self._parts:
            place = QRectF(left, (self.height() - _LAMP) / 2, _LAMP, _LAMP)
            draw_status(painter, place, part.mark)
            left += _LAMP + 6
            for text, face, tone in (
                (part.word, "strong", "text"),
                (figures.count(part.count), "body", "text_secondary"),
            ):
                font = colors.font("strong" if face == "strong" else "body")
                painter.setFont(font)
                painter.setPen(colors.color("text" if tone == "text" else "text_secondary"))
                width = QFontMetricsF(font).horizontalAdvance(text)
                painter.drawText(
                    QRectF(left, 0, width + 1, self.height()), Qt.AlignmentFlag.AlignVCenter, text
                )
                left += width + 6
            left += _GAP - 6
