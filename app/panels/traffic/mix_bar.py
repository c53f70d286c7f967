"""What traffic is made of, as one bar in parts with handles between them: dragged, or moved with the arrow keys.

Shares are whole percents and come to 100. A part may be nothing.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core.language import tr
from app.qt.theme import theme

_REACH: Final = 6
_STEP: Final = 5
_LEAST_WIDTH: Final = 300


class MixBar(QWidget):
    """`mix_requested(tuple of percents)` when a handle was moved and let go."""

    mix_requested = Signal(object)

    def __init__(self, words: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = tuple(words)
        self._shares = [0] * len(words)
        self._shares[0] = 100
        self._dragged: int | None = None
        self._handle = 0
        self.setObjectName("mix")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._say()

    @property
    def shares(self) -> tuple[int, ...]:
        return tuple(self._shares)

    def set_shares(self, shares: Sequence[int]) -> None:
        """Not while a handle is held."""
        if self._dragged is None and list(shares) != self._shares:
            self._shares = list(shares)
            self._say()
            self.update()

    def _say(self) -> None:
        self.setAccessibleName(tr("Mix"))
        self.setAccessibleDescription(", ".join(self._texts()))

    def _texts(self) -> list[str]:
        return [tr("{word} {n} %", word=word, n=n) for word, n in zip(self._words, self._shares, strict=True)]

    def sizeHint(self) -> QSize:
        return QSize(448, theme().size.control_large)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_WIDTH, theme().size.control_large)

    # --- geometry -------------------------------------------------------------------------------------------------

    def _track(self) -> QRectF:
        return QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)

    def _edge(self, handle: int) -> float:
        """Where the handle after part `handle` is."""
        return self._track().left() + self._track().width() * sum(self._shares[: handle + 1]) / 100

    def handle_at(self, x: float) -> int | None:
        """The nearest handle within reach. Of two on one spot the one that can be moved towards the pointer's side."""
        near = [at for at in range(len(self._shares) - 1) if abs(self._edge(at) - x) <= _REACH]
        if not near:
            return None
        return near[0] if x < self._edge(near[0]) else near[-1]

    # --- moving ---------------------------------------------------------------------------------------------------

    def move_handle(self, handle: int, percent: int) -> None:
        """Put a handle there, between its neighbours."""
        edges = [sum(self._shares[: at + 1]) for at in range(len(self._shares) - 1)]
        low = edges[handle - 1] if handle else 0
        high = edges[handle + 1] if handle + 1 < len(edges) else 100
        edges[handle] = min(max(percent, low), high)
        bounds = [0, *edges, 100]
        self._shares = [end - start for start, end in pairwise(bounds)]
        self._say()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.isEnabled():
            self._dragged = self.handle_at(event.position().x())
            if self._dragged is not None:
                self._handle = self._dragged

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._dragged is not None:
            self.move_handle(self._dragged, round(100 * (x - self._track().left()) / self._track().width()))
        over = self._dragged is not None or self.handle_at(x) is not None
        self.setCursor(Qt.CursorShape.SplitHCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragged is not None:
            self._dragged = None
            self.mix_requested.emit(self.shares)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right move a handle, up and down choose it."""
        turn = {Qt.Key.Key_Left: -_STEP, Qt.Key.Key_Right: _STEP}.get(Qt.Key(event.key()))
        if turn is not None:
            self.move_handle(self._handle, sum(self._shares[: self._handle + 1]) + turn)
            self.mix_requested.emit(self.shares)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._handle = (self._handle + 1) % (len(self._shares) - 1)
            self.update()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), " · ".join(self._texts()), self)
            return True
        return super().event(event)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        colors, track = theme(), self._track()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            focus = self.hasFocus()
            painter.setPen(QPen(colors.color("accent" if focus else "border"), 2 if focus else 1))
            painter.setBrush(colors.color("surface_sunken"))
            painter.drawRoundedRect(track, 6, 6)
            left = track.left()
            for at, text in enumerate(self._texts()):
                right = track.right() if at == len(self._shares) - 1 else self._edge(at)
                place = QRectF(left, track.top() + 1, right - left, track.height() - 2)
                self._paint_part(painter, place, text, at)
                left = right
            for at in range(len(self._shares) - 1):
                self._paint_handle(painter, at)

    def _paint_part(self, painter: QPainter, place: QRectF, text: str, at: int) -> None:
        colors = theme()
        ground = QColor(colors.color("accent"))
        ground.setAlphaF(0.22 - 0.09 * at if self.isEnabled() else 0.05)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(place.adjusted(1, 0, -1, 0), 4, 4)
        painter.setFont(colors.font("strong"))
        painter.setPen(colors.color("text" if self.isEnabled() else "text_disabled"))
        room = place.adjusted(8, 0, -3, 0)
        fits = QFontMetricsF(colors.font("strong")).horizontalAdvance(text) <= room.width()
        if fits:
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        else:
            share = text.rpartition(" ")[0].rpartition(" ")[2]
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, share if place.width() >= 20 else "")

    def _paint_handle(self, painter: QPainter, at: int) -> None:
        colors, x = theme(), self._edge(at)
        chosen = self.hasFocus() and at == self._handle
        painter.setPen(
            QPen(colors.color("accent" if self.isEnabled() else "text_disabled"), 5 if chosen else 3)
        )
        painter.drawLine(QPointF(x, self._track().top() + 3), QPointF(x, self._track().bottom() - 3))


def percents(weights: Sequence[int]) -> tuple[int, ...]:
    """Whole percents that come to 100; what weighs anything has at least 1."""
    whole = sum(weights)
    if not whole:
        return tuple([100] + [0] * (len(weights) - 1))
    shares = [max(1, round(100 * weight / whole)) if weight else 0 for weight in weights]
    shares[shares.index(max(shares))] += 100 - sum(shares)
    return tuple(shares)
