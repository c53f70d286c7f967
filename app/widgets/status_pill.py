"""A status in one rounded field: lamp, word, and maybe a figure, on the status's tint."""

from typing import Final, cast

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.shapes import draw_status

_TINTED: Final = {"ok", "warn", "bad", "frozen", "unknown", "fault", "accent"}
LEAST_WORD: Final = 64


class StatusPill(QWidget):
    """`set_status("degraded", "degraded: payment", "7/8")`. `small` is for the inspector's corner."""

    def __init__(self, *, small: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._small = small
        self._status, self._text, self._figure = "unknown", "", ""
        self.setFont(theme().font("strong"))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def set_status(self, status: str, text: str, figure: str = "") -> None:
        if (status, text, figure) != (self._status, self._text, self._figure):
            self._status, self._text, self._figure = status, text, figure
            self.setAccessibleName(f"{text} {figure}".strip())
            self.updateGeometry()
            self.update()

    @property
    def text(self) -> str:
        return self._text

    @property
    def status(self) -> str:
        return self._status

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = self._padding * 2 + 12 + 8 + metrics.horizontalAdvance(self._text)
        if self._figure:
            width += 8 + metrics.horizontalAdvance(self._figure)
        return QSize(width, 20 if self._small else 28)

    def minimumSizeHint(self) -> QSize:
        """The word is cut where there is too little room for it, the figure never."""
        hint = self.sizeHint()
        spare = self.fontMetrics().horizontalAdvance(self._text) - LEAST_WORD
        return QSize(hint.width() - max(0, spare), hint.height())

    @property
    def _padding(self) -> int:
        return 6 if self._small else 10

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme().look_of(self._status)
        tint = f"{look.tone}_tint" if look.tone in _TINTED else "unknown_tint"
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color(cast("Tone", tint)))
            radius = 4.0 if self._small else self.height() / 2
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
            lamp = QRectF(self._padding, (self.height() - 12) / 2, 12, 12)
            draw_status(painter, lamp, self._status)
            left = self._padding + 12 + 8
            painter.setPen(theme().color(look.tone))
            painter.setFont(self.font())
            text = self.rect().adjusted(left, 0, -self._padding, 0)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._figure)
            metrics = self.fontMetrics()
            room = text.width() - (8 + metrics.horizontalAdvance(self._figure) if self._figure else 0)
            word = metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, room + 1)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, word)
