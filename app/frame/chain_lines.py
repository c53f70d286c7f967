"""The chains of the timeline, a line each, drawn by hand: hundreds of entries cost nothing while they are not in sight.

An entry is clicked, or reached by the arrow keys and chosen by Return; what it names is broken by its menu, or by B; what a tooltip says has the absolute times.
"""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from app.core import figures
from app.core.breaking import subject_of_entry
from app.core.language import tr
from app.frame import entry_words
from app.frame.chain_layout import ARROW, GAP, ICON, PAD, Line, Place, line_of
from app.frame.chains import Chain
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.widgets.break_action import add_break, on_key
from app.widgets.shapes import draw_status
from embedded_services.contracts.timeline import TimelineEntry

LINE: Final = 24
_MARGIN: Final = 16
_TIME: Final = 68


class ChainLines(QWidget):
    """`entry_clicked(id)`; `cleared` by Escape; `reached(top)` when the keyboard is on a line that may be out of
    sight; `break_requested(BreakSubject, QRect)` for what an entry names."""

    entry_clicked = Signal(str)
    break_requested = Signal(object, object)
    cleared = Signal()
    reached = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chains")
        self._chains: tuple[Chain, ...] = ()
        self._lines: dict[int, Line] = {}
        self._chosen = self._hovered = self._current = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        on_key(self, self._on_break)
        theme().changed.connect(self.update)

    # --- what it is told ------------------------------------------------------------------------------------------

    def show_chains(self, chains: Sequence[Chain]) -> None:
        """The first one on top. Nothing is drawn anew where nothing changed."""
        if self._chains == tuple(chains):
            return
        self._chains = tuple(chains)
        self._lines.clear()
        self.setFixedHeight(max(1, len(self._chains)) * LINE)
        self._describe()
        self.update()

    def set_chosen(self, entry: str) -> None:
        """The id of the entry that the window is narrowed to, empty for none."""
        if entry != self._chosen:
            self._chosen = entry
            self._current = entry or self._current
            self.update()

    @property
    def chains(self) -> tuple[Chain, ...]:
        return self._chains

    def sizeHint(self) -> QSize:
        return QSize(400, max(1, len(self._chains)) * LINE)

    def rect_of(self, entry: str) -> QRect:
        """Where it can be clicked; empty if it is not there or has no room."""
        for at in range(len(self._chains)):
            for place in self._line(at).places:
                if place.entry.id == entry:
                    return _box(place, at).toRect()
        return QRect()

    # --- layout ---------------------------------------------------------------------------------------------------

    def _line(self, at: int) -> Line:
        line = self._lines.get(at)
        if line is None:
            plain = QFontMetricsF(theme().font("body"))
            strong = QFontMetricsF(theme().font("strong"))

            def measure(text: str, is_strong: bool) -> float:
                return (strong if is_strong else plain).horizontalAdvance(text)

            left = float(_MARGIN + _TIME)
            line = self._lines[at] = line_of(self._chains[at], left, self.width() - _MARGIN, measure)
        return line

    def _entry_at(self, place: QPointF) -> TimelineEntry | None:
        at = int(place.y() // LINE)
        if not 0 <= at < len(self._chains):
            return None
        line = self._line(at)
        for one in line.places:
            if one.left <= place.x() <= one.right:
                return one.entry
        in_more = line.more and line.more_left <= place.x()
        return self._chains[at].root if in_more else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lines.clear()

    # --- mouse ----------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        entry = self._entry_at(event.position())
        hovered = entry.id if entry else ""
        if hovered != self._hovered:
            self._hovered = hovered
            self.setCursor(Qt.CursorShape.PointingHandCursor if entry else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = ""
        self.update()
        super().leaveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        entry = self._entry_at(event.position())
        if entry is not None and event.button() == Qt.MouseButton.LeftButton:
            self._current = entry.id
            self.entry_clicked.emit(entry.id)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            entry = self._entry_at(QPointF(event.pos()))
            if entry is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), tooltip(entry), self)
            return True
        return super().event(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """By the mouse on the entry that it is on; by the keyboard on the current one."""
        is_mouse = event.reason() is QContextMenuEvent.Reason.Mouse
        entry = self._entry_at(QPointF(event.pos())) if is_mouse else self._current_entry()
        subject = subject_of_entry(entry.subject) if entry is not None else None
        if entry is None or subject is None:
            return
        menu = QMenu(self)
        menu.setObjectName("entryMenu")
        add_break(menu, subject, self._place_of(entry), self.break_requested.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos() if is_mouse else self._place_of(entry).bottomLeft())

    def _place_of(self, entry: TimelineEntry) -> QRect:
        """On the screen."""
        rect = self.rect_of(entry.id)
        return QRect(self.mapToGlobal(rect.topLeft()), rect.size())

    def _on_break(self) -> None:
        entry = self._current_entry()
        if entry is not None and (subject := subject_of_entry(entry.subject)) is not None:
            self.break_requested.emit(subject, self._place_of(entry))

    # --- keyboard -------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is not None and self._chains:
            self._walk(*step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._current:
            self.entry_clicked.emit(self._current)
        elif event.key() == Qt.Key.Key_Escape and self._chosen:
            self.cleared.emit()
        else:
            super().keyPressEvent(event)

    def _walk(self, right: int, down: int) -> None:
        at, column = self._position()
        if column < 0:
            at, column = len(self._chains) - 1, 0
        else:
            at = min(max(0, at + down), len(self._chains) - 1)
            column = min(max(0, column + right), len(self._line(at).places) - 1)
        self._current = self._line(at).places[column].entry.id
        self._describe()
        self.reached.emit(at * LINE)
        self.update()

    def _position(self) -> tuple[int, int]:
        """Line and column of the entry that the keyboard is on; (0, -1) for none."""
        for at in range(len(self._chains)):
            for column, place in enumerate(self._line(at).places):
                if place.entry.id == self._current:
                    return at, column
        return 0, -1

    def _current_entry(self) -> TimelineEntry | None:
        entries = (entry for chain in self._chains for entry in chain.entries)
        return next((entry for entry in entries if entry.id == self._current), None)

    def _describe(self) -> None:
        """For those who hear the window instead of seeing it."""
        self.setAccessibleName(
            "; ".join(
                ", ".join(entry_words.alone(entry) for entry in chain.entries) for chain in self._chains[-5:]
            )
        )
        current = self._current_entry()
        self.setAccessibleDescription(entry_words.alone(current) if current else "")

    # --- drawing --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            first, last = event.rect().top() // LINE, event.rect().bottom() // LINE
            for at in range(max(0, first), min(last + 1, len(self._chains))):
                self._draw_line(painter, at)

    def _draw_line(self, painter: QPainter, at: int) -> None:
        line, look = self._line(at), theme()
        root = self._chains[at].root
        when = QRectF(_MARGIN, at * LINE, _TIME, LINE)
        painter.setFont(look.font("body"))
        painter.setPen(look.color("text_muted"))
        painter.drawText(when, Qt.AlignmentFlag.AlignVCenter, figures.clock_time(root.at))
        for number, place in enumerate(line.places):
            if number:
                self._draw_arrow(painter, place.left, at)
            self._draw_entry(painter, place, at)
        if line.more:
            self._draw_arrow(painter, line.more_left, at)
            rest = QRectF(line.more_left, at * LINE, self.width() - line.more_left, LINE)
            painter.setPen(look.color("text_muted"))
            painter.setFont(look.font("body"))
            painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, line.more_text)

    @staticmethod
    def _draw_arrow(painter: QPainter, left: float, at: int) -> None:
        middle = at * LINE + LINE / 2
        square = QRectF(left - ARROW / 2 - 7, middle - 7, 14, 14)
        draw_icon(painter, square, "arrow-right", theme().color("text_muted"))

    def _draw_entry(self, painter: QPainter, place: Place, at: int) -> None:
        look, entry, box = theme(), place.entry, _box(place, at)
        is_deed = entry_words.is_deed(entry)
        is_chosen, is_hovered = entry.id == self._chosen, entry.id == self._hovered
        has_ring = is_chosen or (self.hasFocus() and entry.id == self._current)
        painter.setPen(QPen(look.color("accent"), 1.5) if has_ring else Qt.PenStyle.NoPen)
        if is_deed:
            painter.setBrush(look.color("fault_tint"))
        elif is_chosen:
            painter.setBrush(look.color("surface_selected"))
        elif is_hovered:
            painter.setBrush(look.color("surface_hover"))
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 4, 4)
        middle = box.center().y()
        mark = QRectF(place.left + PAD, middle - ICON / 2, ICON, ICON)
        if icon := entry_words.icon_of(entry):
            draw_icon(painter, mark, icon, look.color(entry_words.tone_of(entry)))
        else:
            draw_status(painter, mark.adjusted(2, 2, -2, -2), entry_words.lamp_of(entry))
        font = look.font("strong" if is_deed else "body")
        left = place.left + PAD + ICON + GAP
        room = QRectF(left, box.top(), place.right - left, box.height())
        text = QFontMetricsF(font).elidedText(place.text, Qt.TextElideMode.ElideRight, room.width())
        painter.setFont(font)
        painter.setPen(
            look.color("fault" if is_deed else "text" if is_chosen or is_hovered else "text_secondary")
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)


def _box(place: Place, at: int) -> QRectF:
    return QRectF(place.left, at * LINE + 2, place.width, LINE - 4)


def tooltip(entry: TimelineEntry) -> str:
    """What it is as a whole, and when."""
    times = figures.moment(entry.at)
    if entry.until is not None and entry.until > entry.at:
        times = tr("{begin} until {end}", begin=times, end=figures.precise_time(entry.until))
    parts = [entry.text, times]
    if entry.count > 1:
        parts.append(tr("{n} times", n=figures.count(entry.count)))
    return "\n".join(parts)


_STEPS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
