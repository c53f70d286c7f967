"""A short word on a tint: a tag, a count, a filter that can be taken away."""

from typing import cast

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.language import tr
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone

_PAD = 8
_ICON = 12


class Chip(QWidget):
    """`tone` is a role that has a tint (`ok`, `warn`, `bad`, `frozen`, `unknown`, `fault`, `accent`)."""

    closed = Signal()
    clicked = Signal()

    def __init__(
        self,
        text: str,
        tone: Tone = "accent",
        icon: str | None = None,
        *,
        closable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text, self._tone, self._icon, self._closable = text, tone, icon, closable
        self.setFont(theme().font("small"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        if closable:
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.setToolTip(tr("Click to take it away"))

    def set_text(self, text: str, tone: Tone | None = None, icon: str | None = None) -> None:
        """Tone and icon stay where they are not given."""
        if (text, tone or self._tone, icon or self._icon) == (self._text, self._tone, self._icon):
            return
        self._text, self._tone, self._icon = text, tone or self._tone, icon or self._icon
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    @property
    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._text) + 2 * _PAD
        width += (_ICON + 6 if self._icon else 0) + (_ICON + 6 if self._closable else 0)
        return QSize(width, 20)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        (self.closed if self._closable else self.clicked).emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Delete, Qt.Key.Key_Escape)
        if self._closable and event.key() in keys:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        ink = theme().color(self._tone)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme().color("accent"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(theme().color(cast("Tone", f"{self._tone}_tint")))
            painter.drawRoundedRect(
                QRectF(self.rect()).adjusted(1, 1, -1, -1) if self.hasFocus() else self.rect(), 4, 4
            )
            top = (self.height() - _ICON) / 2
            left = float(_PAD)
            if self._icon:
                draw_icon(painter, QRectF(left, top, _ICON, _ICON), self._icon, ink)
                left += _ICON + 6
            if self._closable:
                draw_icon(painter, QRectF(self.width() - _PAD - _ICON, top, _ICON, _ICON), "close", ink)
            painter.setPen(ink)
            painter.setFont(self.font())
            painter.drawText(
                QRectF(left, 0, self.width() - left, self.height()), Qt.AlignmentFlag.AlignVCenter, self._text
            )
