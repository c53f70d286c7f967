"""One of a few choices, all in sight: `round-robin | random | least connections`."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.qt.theme import theme
from app.qt.tokens import Tone

_PAD = 10
_PAD_COMPACT = 7
_INSET = 2


class SegmentedToggle(QWidget):
    """`choice_requested(key)` when the user chooses; `set_choice` shows what holds. Arrow keys walk through it."""

    choice_requested = Signal(str)

    def __init__(
        self,
        name: str,
        choices: Mapping[str, str],
        parent: QWidget | None = None,
        *,
        tips: Mapping[str, str] | None = None,
        compact: bool = False,
    ) -> None:
        """`choices` maps keys to words; the first is chosen. `tips` says more of a choice; `compact` is for many."""
        super().__init__(parent)
        self._name = name
        self._choices = dict(choices)
        self._tips = dict(tips or {})
        self._pad = _PAD_COMPACT if compact else _PAD
        self._plain = QFont(theme().font("small" if compact else "body"))
        self._strong = QFont(self._plain)
        self._strong.setWeight(QFont.Weight.DemiBold)
        self._is_busy = False
        self._choice = next(iter(choices))
        self._hovered: str | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._say()

    @property
    def choice(self) -> str:
        return self._choice

    def set_choice(self, key: str) -> None:
        """Raises KeyError for what is no choice."""
        _ = self._choices[key]
        self._choice = key
        self._say()
        self.update()

    def set_word(self, key: str, word: str) -> None:
        """Change what a segment says, for a count in it."""
        if self._choices[key] != word:
            self._choices[key] = word
            self.updateGeometry()
            self.update()

    def set_busy(self, busy: bool) -> None:
        """What is chosen was asked for and does not hold yet: its edge is dashed."""
        if busy != self._is_busy:
            self._is_busy = busy
            self.update()

    @property
    def is_busy(self) -> bool:
        return self._is_busy

    def _say(self) -> None:
        self.setAccessibleName(f"{self._name}: {self._choices[self._choice]}")

    # --- geometry -------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(int(sum(width for _, width in self._widths())) + 2 * _INSET, theme().size.control)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _widths(self) -> list[tuple[str, float]]:
        metrics = QFontMetrics(self._strong)
        return [(key, metrics.horizontalAdvance(word) + 2 * self._pad) for key, word in self._choices.items()]

    def _places(self) -> list[tuple[str, QRectF]]:
        places = []
        left = float(_INSET)
        for key, width in self._widths():
            places.append((key, QRectF(left, _INSET, width, self.height() - 2 * _INSET)))
            left += width
        return places

    def _at(self, event: QMouseEvent) -> str | None:
        return next((key for key, place in self._places() if place.contains(event.position())), None)

    # --- events ---------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if self._tips and isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            under = next((key for key, place in self._places() if place.contains(event.pos())), "")
            QToolTip.showText(event.globalPos(), self._tips.get(under, ""), self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hovered = self._at(event)
        self.update()

    def leaveEvent(self, event: object) -> None:
        self._hovered = None
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._ask(self._at(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = list(self._choices)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._ask(keys[max(0, min(len(keys) - 1, keys.index(self._choice) + step))])

    def _ask(self, key: str | None) -> None:
        if key is not None and key != self._choice and self.isEnabled():
            self.set_choice(key)
            self.choice_requested.emit(key)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(
                QPen(colors.color("accent" if self.hasFocus() else "border"), 2 if self.hasFocus() else 1)
            )
            painter.setBrush(colors.color("surface_sunken"))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            for key, place in self._places():
                chosen = key == self._choice
                if chosen and self.isEnabled():
                    style = Qt.PenStyle.DashLine if self._is_busy else Qt.PenStyle.SolidLine
                    painter.setPen(QPen(colors.color("accent"), 1, style))
                    painter.setBrush(colors.color("accent_tint"))
                    painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
                painter.setFont(self._strong if chosen else self._plain)
                tone: Tone = "accent" if chosen else ("text" if key == self._hovered else "text_secondary")
                painter.setPen(colors.color(tone if self.isEnabled() else "text_disabled"))
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self._choices[key])
