"""The left rail: one button a panel, icon and word, with a badge where something wants attention."""

from typing import Final, Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QSizePolicy, QVBoxLayout, QWidget

from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone

_EDGE: Final = 3
_BADGE: Final = 16

BadgeTone = Literal["bad", "warn", "fault"]
_BADGE_COLORS: Final[dict[BadgeTone, tuple[Tone, Tone]]] = {
    "bad": ("bad_tint", "bad"),
    "warn": ("warn_tint", "warn"),
    "fault": ("fault_tint", "fault"),
}


class RailButton(QAbstractButton):
    """`set_badge("2", "bad")` counts what wants attention; an empty text takes it away."""

    def __init__(self, key: str, word: str, icon: str, shortcut: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self._icon = icon
        self._badge = ""
        self._badge_tone: BadgeTone = "bad"
        self._narrow = False
        self.setObjectName(f"rail-{key}")
        self.setText(word)
        self.setAccessibleName(word)
        self.setToolTip(f"{word}  {shortcut}")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_badge(self, text: str, tone: BadgeTone = "bad") -> None:
        self._badge = text
        self._badge_tone = tone
        self.setAccessibleDescription(text)
        self.update()

    def set_narrow(self, narrow: bool) -> None:
        self._narrow = narrow
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        sizes = theme().size
        return QSize(
            sizes.rail_narrow if self._narrow else sizes.rail, 48 if self._narrow else sizes.rail_item
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        colors, chosen = theme(), self.isChecked()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if chosen or self.underMouse():
                painter.fillRect(self.rect(), colors.color("surface_selected" if chosen else "surface_hover"))
            if chosen:
                painter.fillRect(0, 0, _EDGE, self.height(), colors.color("accent"))
            side = float(colors.size.icon_rail)
            top = (self.height() - side) / 2 if self._narrow else 11.0
            icon = QRectF((self.width() - side) / 2, top, side, side)
            draw_icon(painter, icon, self._icon, colors.color("accent" if chosen else "text_secondary"))
            if not self._narrow:
                painter.setFont(colors.font("caption"))
                painter.setPen(colors.color("text" if chosen else "text_secondary"))
                word = QRectF(0, icon.bottom() + 4, self.width(), 18)
                painter.drawText(word, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, self.text())
            if self._badge:
                self._draw_badge(painter, icon)
            if self.hasFocus():
                painter.setPen(QPen(colors.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _draw_badge(self, painter: QPainter, icon: QRectF) -> None:
        tint, ink = _BADGE_COLORS[self._badge_tone]
        font = theme().font("caption")
        width = max(_BADGE, QFontMetricsF(font).horizontalAdvance(self._badge) + 8)
        place = QRectF(icon.right() - 4, icon.top() - 8, width, _BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(tint))
        painter.drawRoundedRect(place, _BADGE / 2, _BADGE / 2)
        painter.setFont(font)
        painter.setPen(theme().color(ink))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self._badge)


class Rail(QFrame):
    """`panel_requested(key)`; `choose` marks the one that is open."""

    panel_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self._buttons: dict[str, RailButton] = {}
        self._group = QButtonGroup(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 8, 0, 8)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self._narrow = False
        self.set_narrow(False)

    def add(self, key: str, word: str, icon: str, shortcut: str) -> RailButton:
        button = RailButton(key, word, icon, shortcut)
        button.clicked.connect(lambda: self.panel_requested.emit(key))
        button.set_narrow(self._narrow)
        self._buttons[key] = button
        self._group.addButton(button)
        self._column.insertWidget(self._column.count() - 1, button)
        return button

    def choose(self, key: str) -> None:
        self._buttons[key].setChecked(True)

    def set_badge(self, key: str, text: str, tone: BadgeTone = "bad") -> None:
        self._buttons[key].set_badge(text, tone)

    def set_narrow(self, narrow: bool) -> None:
        """Icons alone, with their words as tooltips."""
        self._narrow = narrow
        self.setFixedWidth(theme().size.rail_narrow if narrow else theme().size.rail)
        for button in self._buttons.values():
            button.set_narrow(narrow)
