"""One card of the lanes: a step on its way forward, or its undoing. It is a control: it can be reached, chosen, and asked for
its menu by mouse and keyboard."""

from functools import lru_cache
from typing import Final

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.cards import Card, Ground
from app.panels.sagas.ink import advance, cut, put
from app.panels.sagas.words import took
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Face, Tone
from app.widgets.shapes import draw_status

FORWARD_HEIGHT: Final = 112
UNDO_HEIGHT: Final = 106
TAG_RISE: Final = 12
"""So far the tag of a fault stands out above the card."""
_PAD: Final = 9
_LINE: Final = 18
_NOTE_LINE: Final = 15
_LAMP: Final = 11

_GROUNDS: Final[dict[Ground, tuple[Tone | None, Tone]]] = {
    "plain": ("surface_raised", "border"),
    "idle": (None, "border"),
    "busy": ("accent_tint", "accent"),
    "warn": ("warn_tint", "warn"),
    "bad": ("bad_tint", "bad"),
}


class StepCard(QWidget):
    """`chosen` by click, Return or Space; `menu_requested(global place)`; `moved(dx, dy)` by the arrow keys."""

    chosen = Signal()
    menu_requested = Signal(QPoint)
    moved = Signal(int, int)

    def __init__(self, card: Card, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card = card
        self._now = 0.0
        self._is_selected = False
        self._is_stale = False
        self.setObjectName(f"{card.way}-{card.step}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._say()

    # --- what it is told ------------------------------------------------------------------------------------------

    @property
    def card(self) -> Card:
        return self._card

    def show_card(self, card: Card, now: float) -> None:
        self._now = now
        if card != self._card:
            self._card = card
            self._say()
            self.update()

    def pass_time(self, now: float) -> None:
        self._now = now
        if self._card.is_live:
            self.update()

    def set_selected(self, selected: bool) -> None:
        if selected != self._is_selected:
            self._is_selected = selected
            self.update()

    def set_stale(self, stale: bool) -> None:
        if stale != self._is_stale:
            self._is_stale = stale
            self.update()

    def sizeHint(self) -> QSize:
        height = FORWARD_HEIGHT if self._card.way == "forward" else UNDO_HEIGHT
        return QSize(140, height + TAG_RISE)

    def _say(self) -> None:
        card = self._card
        what = card.step if card.way == "forward" else tr("undoing {step}", step=card.step)
        parts = [what, card.word, card.instance, self._tries(), card.note, card.tag]
        self.setAccessibleName(", ".join(part for part in parts if part))
        self.setToolTip("\n".join(part for part in parts if part))

    # --- what the user does ---------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.chosen.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_requested.emit(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
        }.get(Qt.Key(event.key()))  # fmt: skip
        is_f10 = event.key() == Qt.Key.Key_F10 and event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if step is not None:
            self.moved.emit(*step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit()
        elif is_f10 or event.key() == Qt.Key.Key_Menu:
            self.menu_requested.emit(self.mapToGlobal(self.rect().center()))
        else:
            super().keyPressEvent(event)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            frame = QRectF(self.rect()).adjusted(1, TAG_RISE + 0.5, -1, -1)
            self._draw_ground(painter, frame)
            area = frame.adjusted(_PAD, 8, -_PAD, -6)
            self._draw_head(painter, area)
            self._draw_state(painter, area.adjusted(0, _LINE + 2, 0, 0))
            top = area.top() + 2 * _LINE + 3
            if served := " · ".join(part for part in (self._card.instance, self._tries()) if part):
                self._text(
                    painter, QRectF(area.left(), top, area.width(), _LINE), served, "small", "text_secondary"
                )
                top += _LINE
            self._draw_rest(painter, QRectF(area.left(), top + 2, area.width(), area.bottom() - top - 2))
            if self._card.tag:
                self._draw_tag(painter, frame)

    def _draw_ground(self, painter: QPainter, frame: QRectF) -> None:
        colors = theme()
        fill, edge = _GROUNDS[self._card.ground if not self._is_stale else _muted(self._card.ground)]
        pen = QPen(colors.color(edge), 1)
        if self._card.ground == "idle":
            pen.setStyle(Qt.PenStyle.DashLine)
        if self._is_selected or self.hasFocus():
            pen = QPen(colors.color("accent"), 2)
        painter.setPen(pen)
        painter.setBrush(colors.color(fill) if fill else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame, 8, 8)

    def _draw_head(self, painter: QPainter, area: QRectF) -> None:
        card = self._card
        line = QRectF(area.left(), area.top(), area.width(), _LINE)
        name_tone: Tone = "text_muted" if card.ground == "idle" or self._is_stale else "text"
        left = line.left()
        if card.way == "forward":
            number = str(card.number)
            self._text(painter, line, number, "small", "text_muted")
            left += advance(number, "small") + 5
        room = line.right() - left
        if card.is_pivot:
            room -= 18
            draw_icon(
                painter, QRectF(line.right() - 14, line.top() + 2, 14, 14), "pivot", theme().color("accent")
            )
        face: Face = "small"
        self._text(
            painter,
            QRectF(left, line.top(), room, _LINE),
            card.step,
            face,
            name_tone,
            strong=card.ground != "idle",
        )

    def _draw_state(self, painter: QPainter, area: QRectF) -> None:
        card = self._card
        line = QRectF(area.left(), area.top(), area.width(), _LINE)
        figure = self._figure()
        wide = advance(figure, "small") + 6 if figure else 0
        left = line.left()
        if card.mark:
            place = QRectF(left, line.center().y() - _LAMP / 2, _LAMP, _LAMP)
            if card.mark == "check":
                draw_icon(
                    painter,
                    place.adjusted(-1, -1, 1, 1),
                    "check",
                    theme().color("text_muted" if self._is_stale else "ok"),
                )
            else:
                draw_status(painter, place, "unknown" if self._is_stale else card.mark)
            left += _LAMP + 6
        self._text(
            painter,
            QRectF(left, line.top(), line.right() - wide - left, _LINE),
            card.word,
            "small",
            card.tone,
        )
        if figure:
            self._text(painter, line, figure, "small", "text_secondary", right=True)

    def _draw_rest(self, painter: QPainter, area: QRectF) -> None:
        """What comes next, or what came of it."""
        card = self._card
        if card.next_try_at is not None and card.next_try_at > self._now:
            self._draw_countdown(painter, area, card.next_try_at)
            return
        if not card.note or area.height() < _LINE:
            return
        if card.way == "forward" and card.ground != "idle":
            edge: Tone = "bad" if card.ground == "bad" else "border"
            painter.fillRect(QRectF(area.left(), area.top(), area.width(), 1), theme().color(edge))
            area.setTop(area.top() + 5)
        lines = max(1, int(area.height() // _NOTE_LINE))
        for at, part in enumerate(_broken(card.note, int(area.width()), lines)):
            line = QRectF(area.left(), area.top() + _NOTE_LINE * at, area.width(), _NOTE_LINE + 1)
            self._text(painter, line, part, "small", card.note_tone)

    def _draw_countdown(self, painter: QPainter, area: QRectF, at: float) -> None:
        since = min(self._card.waits_since or at, at)
        share = (self._now - since) / max(0.001, at - since)
        track = QRectF(area.left(), area.top() + 2, area.width(), 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color("border"))
        painter.drawRoundedRect(track, 2, 2)
        track.setWidth(track.width() * min(1.0, max(0.0, share)))
        painter.setBrush(theme().color("text_muted" if self._is_stale else "warn"))
        painter.drawRoundedRect(track, 2, 2)
        text = tr("next try in {s} s", s=figures.decimal(max(0.0, at - self._now)))
        self._text(
            painter,
            QRectF(area.left(), area.top() + 8, area.width(), _LINE),
            text,
            "small",
            "text_secondary",
        )

    def _draw_tag(self, painter: QPainter, frame: QRectF) -> None:
        """What you did hangs on the top edge of what it acts on."""
        width = min(frame.width() - 16, advance(self._card.tag, "small", True) + 26)
        place = QRectF(frame.left() + 8, frame.top() - TAG_RISE + 0.5, width, 18)
        pen = QPen(theme().color("fault"), 1)
        pen.setStyle(Qt.PenStyle.SolidLine if self._card.is_hit else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(theme().color("fault_tint"))
        painter.drawRoundedRect(place, 4, 4)
        draw_icon(painter, QRectF(place.left() + 5, place.top() + 3, 12, 12), "bolt", theme().color("fault"))
        put(painter, place.adjusted(20, 0, -4, 0), self._card.tag, "small", "fault", strong=True)

    def _text(
        self, painter: QPainter, area: QRectF, text: str, face: Face, tone: Tone, *, right: bool = False, strong: bool = False
    ) -> None:  # fmt: skip
        put(painter, area, text, face, "text_muted" if self._is_stale else tone, right=right, strong=strong)

    def _figure(self) -> str:
        card = self._card
        if card.since is not None:
            return took(self._now - card.since)
        return took(card.took) if card.took is not None else ""

    def _tries(self) -> str:
        card = self._card
        if not card.tries:
            return ""
        if card.of_tries:
            return tr("try {n}/{of}", n=card.tries, of=card.of_tries)
        return tr("try {n}", n=card.tries)


def _muted(ground: Ground) -> Ground:
    return "idle" if ground == "idle" else "plain"


@lru_cache(maxsize=1024)
def _broken(text: str, width: int, lines: int) -> tuple[str, ...]:
    """The text in at most so many lines, broken between words; the last one is cut."""
    found: list[str] = []
    words = text.split()
    while words and len(found) < lines - 1:
        line = words.pop(0)
        while words and advance(f"{line} {words[0]}", "small") <= width:
            line = f"{line} {words.pop(0)}"
        found.append(cut(line, "small", False, width))
    if words:
        found.append(cut(" ".join(words), "small", False, width))
    return tuple(found)
