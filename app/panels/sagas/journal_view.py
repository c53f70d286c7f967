"""The journal of a saga, or of one of its steps: when, what, by whom. Painted, so that a long one costs what is seen of it."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.words import Line
from app.qt.theme import theme
from app.widgets.shapes import draw_status

LINE: Final = 22
_TIME: Final = 48
_LAMP: Final = 11
SHOWN: Final = 400
"""Entries of a long journal, the newest."""
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class JournalView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[Line, ...] = ()
        self._left_out = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Journal"))

    def show_lines(self, lines: Sequence[Line]) -> None:
        shown = tuple(lines[-SHOWN:])
        if shown == self._lines and self._left_out == len(lines) - len(shown):
            return
        self._lines, self._left_out = shown, len(lines) - len(shown)
        self.setAccessibleDescription("; ".join(line.text for line in shown))
        self.updateGeometry()
        self.update()

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    def text(self) -> str:
        """As it is copied."""
        return "\n".join(f"{figures.precise_time(line.at)}  {line.text}" for line in self._lines)

    def sizeHint(self) -> QSize:
        return QSize(240, LINE * max(1, len(self._lines) + (1 if self._left_out else 0)))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            colors, top = theme(), 0
            painter.setFont(colors.font("small"))
            if not self._lines or self._left_out:
                text = (
                    tr("{n} earlier entries are left out", n=f"{self._left_out:,}")
                    if self._lines
                    else tr("nothing yet")
                )
                painter.setPen(colors.color("text_muted"))
                painter.drawText(QRectF(0, 0, self.width(), LINE), _LEFT, text)
                top = LINE
            first = max(0, (event.rect().top() - top) // LINE)
            last = min(len(self._lines) - 1, (event.rect().bottom() - top) // LINE)
            metrics = QFontMetricsF(colors.font("small"))
            for at in range(first, last + 1):
                line, y = self._lines[at], top + at * LINE
                painter.setPen(colors.color("text_muted"))
                painter.drawText(QRectF(0, y, _TIME, LINE), _LEFT, figures.precise_time(line.at)[6:])
                draw_status(painter, QRectF(_TIME + 4, y + (LINE - _LAMP) / 2, _LAMP, _LAMP), line.mark)
                left = _TIME + 4 + _LAMP + 8
                painter.setPen(colors.color(line.tone))
                shown = metrics.elidedText(line.text, Qt.TextElideMode.ElideRight, self.width() - left)
                painter.drawText(QRectF(left, y, self.width() - left, LINE), _LEFT, shown)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            at = (event.pos().y() - (LINE if self._left_out else 0)) // LINE
            line = self._lines[at] if 0 <= at < len(self._lines) else None
            text = f"{figures.moment(line.at)}\n{line.text}" if line is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)
