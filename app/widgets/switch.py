"""Something that is on or off, and changes at once. A shape that says so without its colour: the knob's side."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.qt.theme import theme
from app.qt.tokens import Tone

_WIDTH = 30
_HEIGHT = 18
_RING = 2


class Switch(QAbstractButton):
    """`toggled(bool)`, as any checkable button. Space switches it. `on` is its ground while it is on: `fault_fill` for what
    arms a fault."""

    def __init__(self, name: str, parent: QWidget | None = None, *, on: Tone = "accent_fill") -> None:
        super().__init__(parent)
        self._on: Tone = on
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH + 2 * _RING, _HEIGHT + 2 * _RING)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            track = QRectF(_RING + 0.5, (self.height() - _HEIGHT) / 2 + 0.5, _WIDTH - 1, _HEIGHT - 1)
            on, able = self.isChecked(), self.isEnabled()
            if self.hasFocus():
                painter.setPen(QPen(colors.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(track.adjusted(-1.5, -1.5, 1.5, 1.5), 10, 10)
            edge: Tone = "border" if not able else self._on if on else "border_strong"
            painter.setPen(QPen(colors.color(edge), 1))
            painter.setBrush(colors.color(self._on if on and able else "surface_sunken"))
            painter.drawRoundedRect(track, _HEIGHT / 2, _HEIGHT / 2)
            side = _HEIGHT - 7
            left = track.right() - side - 3 if on else track.left() + 3
            knob: Tone = "text_disabled" if not able else "text_on_accent" if on else "border_strong"
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color(knob))
            painter.drawEllipse(QRectF(left, track.center().y() - side / 2, side, side))
