"""What the two parts of the chart's columns mean, with the totals and the rates of the last seconds."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.core import figures
from app.core.language import tr
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.label import Label
from embedded_services.contracts.gateway import LimitTotals


class LimitLegend(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._allowed = Label("", "body")
        self._limited = Label("", "body")
        self._allowed.setObjectName("totalAllowed")
        self._limited.setObjectName("totalLimited")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(_Swatch("accent_fill", hatched=False))
        line.addWidget(self._allowed)
        line.addSpacing(12)
        line.addWidget(_Swatch("status_429", hatched=True))
        line.addWidget(self._limited)
        self.show_totals(None, stale=True)

    def show_totals(self, totals: LimitTotals | None, *, stale: bool) -> None:
        allowed = None if totals is None else totals.allowed
        limited = None if totals is None else totals.limited
        rates = (0.0, 0.0) if totals is None else (totals.allowed_rate, totals.limited_rate)
        self._allowed.setText(_words(tr("{n} allowed", n=figures.count(allowed)), rates[0]))
        self._limited.setText(_words(tr("{n} got 429", n=figures.count(limited)), rates[1]))
        self._allowed.set_tone("text_muted" if stale else "text")
        self._limited.set_tone("text_muted" if stale or not limited else "status_429")
        tip = tr("Since the gateway was started; the rates are of the last ten seconds.")
        self._allowed.setToolTip(tip)
        self._limited.setToolTip(tip)


def _words(total: str, rate: float) -> str:
    return f"{total} · {figures.rate(rate)}" if rate else total


class _Swatch(QWidget):
    def __init__(self, tone: Tone, *, hatched: bool) -> None:
        super().__init__()
        self._tone: Tone = tone
        self._hatched = hatched
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(10, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), theme().color(self._tone))
            if self._hatched:
                for y in (2, 6, 10):
                    painter.fillRect(QRectF(0, y, self.width(), 1), theme().color("surface"))
