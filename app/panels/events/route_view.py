"""Draws the way of an event from the top down: a dot or mark for each step, its name, and what happened there."""

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.events.route import Step
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone

_LEFT = 22
_TITLE = 18
_LINE = 16
_AFTER = 8
_MOST_LINES = 4


class RouteView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: tuple[Step, ...] = ()
        self._laid: list[list[str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_steps(self, steps: Sequence[Step]) -> None:
        if tuple(steps) == self._steps:
            return
        self._steps = tuple(steps)
        told = (f"{step.title}: {', '.join(step.lines)}" if step.lines else step.title for step in steps)
        text = "\n".join(told)
        self.setAccessibleName(text)
        self.setToolTip(text)
        self._lay_out()

    @property
    def steps(self) -> Sequence[Step]:
        return self._steps

    def _lay_out(self) -> None:
        room = max(80, self.width() - _LEFT)
        metrics = QFontMetricsF(theme().font("small"))
        self._laid = [
            [part for line in step.lines for part in _broken(line, metrics, room)][:_MOST_LINES]
            for step in self._steps
        ]
        self.setFixedHeight(max(_TITLE, sum(_height(lines) for lines in self._laid)))
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._lay_out()

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            top = 0.0
            last = len(self._steps) - 1
            for at, (step, lines) in enumerate(zip(self._steps, self._laid, strict=True)):
                self._paint_step(painter, top, step, lines, is_last=at == last)
                top += _height(lines)

    def _paint_step(
        self, painter: QPainter, top: float, step: Step, lines: list[str], *, is_last: bool
    ) -> None:
        colors = theme()
        center = QPointF(6, top + _TITLE / 2)
        if not is_last:
            painter.setPen(QPen(colors.color("border_strong"), 1))
            painter.drawLine(center + QPointF(0, 8), QPointF(6, top + _height(lines) + _TITLE / 2 - 8))
        color: QColor = colors.color(cast("Tone", step.tone))
        if step.mark:
            draw_icon(painter, QRectF(center.x() - 7, center.y() - 7, 14, 14), step.mark, color)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(center, 4, 4)
        room = self.width() - _LEFT
        strong = QFont(colors.font("small"))
        strong.setWeight(QFont.Weight.DemiBold)
        painter.setFont(strong)
        painter.setPen(colors.color("text"))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        title = QFontMetricsF(strong).elidedText(step.title, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRectF(_LEFT, top, room, _TITLE), middle, title)
        painter.setFont(colors.font("small"))
        painter.setPen(colors.color("text_secondary"))
        for at, line in enumerate(lines):
            painter.drawText(QRectF(_LEFT, top + _TITLE + at * _LINE, room + 2, _LINE), middle, line)


def _height(lines: list[str]) -> int:
    return _TITLE + _LINE * len(lines) + _AFTER


def _broken(text: str, metrics: QFontMetricsF, room: float) -> list[str]:
    """Lines that fit, broken between words, and within one that is too long for a line."""
    lines, line = [], ""
    for word in text.split():
        wanted = f"{line} {word}".strip()
        if metrics.horizontalAdvance(wanted) <= room:
            line = wanted
            continue
        if line:
            lines.append(line)
        while metrics.horizontalAdvance(word) > room and len(lines) < _MOST_LINES:
            fitting = max(1, int(len(word) * room / metrics.horizontalAdvance(word)) - 1)
            lines.append(word[:fitting])
            word = word[fitting:]
        line = word
    return [*lines, line] if line else lines
