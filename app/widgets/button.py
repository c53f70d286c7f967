"""Buttons in the design's kinds, with a busy state that keeps their width."""

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.qt.theme import theme
from app.qt.tokens import Tone

Kind = Literal["normal", "primary", "danger", "fault", "break", "link", "quiet"]

BUSY_AFTER_MS = 100
_TURN_MS = 50
_TURN_DEGREES = 18
_ICON_AIR = 6

_ICON_TONES: dict[Kind, Tone] = {
    "primary": "text_on_accent",
    "danger": "bad",
    "fault": "text_on_accent",
    "break": "fault",
    "link": "accent",
}


class Button(QPushButton):
    """A button with a word, and maybe an icon. Its accessible name is its text, or `name` where that says too little."""

    def __init__(
        self,
        text: str,
        icon: str | None = None,
        kind: Kind = "normal",
        *,
        large: bool = False,
        name: str = "",
        tooltip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setFont(theme().font("body" if kind == "link" else "strong"))
        self.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves no ring behind
        self.setToolTip(tooltip)
        if name:
            self.setAccessibleName(name)
        self.setProperty("measure", "large" if large else None)
        if kind == "link":
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._kind: Kind = kind
        self._icon = icon
        self._drawn: tuple[str, Kind] | None = None
        self._angle = 0
        self._turning = QTimer(self)
        self._turning.timeout.connect(self._turn)
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.timeout.connect(self._show_busy)
        self.set_kind(kind)

    def set_kind(self, kind: Kind) -> None:
        self._kind = kind
        self.setProperty("kind", kind)
        self.style().polish(self)
        if self._icon:
            self.set_icon(self._icon)

    def set_icon(self, icon: str) -> None:
        """An icon that is there already is not made again: several a second, and PySide ends the process sooner or later."""
        self._icon = icon
        if (icon, self._kind) == self._drawn:
            return
        self._drawn = icon, self._kind
        self.setIcon(theme().icon(icon, _ICON_TONES.get(self._kind, "text_secondary")))
        side = theme().size.icon
        self.setIconSize(
            QSize(side + _ICON_AIR, side)
        )  # drawn in the middle: Qt leaves 4 px to the word, too few

    def set_busy(self, busy: bool) -> None:
        """While busy it takes no clicks; progress takes the place of its icon if there is no result after 100 ms."""
        self.setEnabled(not busy)
        if busy:
            self._waiting.start(BUSY_AFTER_MS)
        else:
            self._waiting.stop()
            self._turning.stop()
            self.update()

    @property
    def is_busy(self) -> bool:
        return self._waiting.isActive() or self._turning.isActive()

    def _show_busy(self) -> None:
        self._turning.start(0 if theme().reduces_motion else _TURN_MS)
        if theme().reduces_motion:
            self._turning.setInterval(1000)
        self.update()

    def _turn(self) -> None:
        if not theme().reduces_motion:
            self._angle = (self._angle + _TURN_DEGREES) % 360
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._turning.isActive():
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            side = 12.0
            left = (
                8.0 if self.icon().isNull() else max(8.0, (self.width() - self.sizeHint().width()) / 2 + 14.0)
            )
            place = QRectF(left, (self.height() - side) / 2, side, side)
            painter.fillRect(place.adjusted(-2, -2, 2, 2), theme().color("surface_raised"))
            painter.setPen(QPen(theme().color("accent"), 2))
            painter.drawArc(place, -self._angle * 16, 270 * 16)


class IconButton(QToolButton):
    """A button that is an icon alone; `name` is its accessible name and its tooltip."""

    def __init__(
        self,
        icon: str,
        name: str,
        *,
        tone: Tone = "text_secondary",
        checkable: bool = False,
        framed: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setIcon(theme().icon(icon, tone, chosen="accent"))
        self.setIconSize(QSize(theme().size.icon, theme().size.icon))
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setCheckable(checkable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if not framed:
            self.setProperty("kind", "quiet")
