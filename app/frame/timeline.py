"""The strip at the bottom: what happened of late, one line a chain of consequences, the newest at the bottom."""

import time
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.frame.chains import Chain
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.label import Label
from app.widgets.shapes import draw_status
from embedded_services.contracts.instances import Change, Status

LINES: Final = 3
_LINE: Final = 24


class Timeline(QFrame):
    """`instance_requested(id)` when an entry is clicked."""

    instance_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setFixedHeight(theme().size.timeline)
        self._count = Label("", "body", "text_muted")
        self._lines = _Lines()
        self._lines.clicked_instance.connect(self.instance_requested)
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        row.addWidget(Label(tr("Timeline"), "strong"))
        row.addWidget(self._count, 1)
        head.setFixedHeight(32)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addWidget(self._lines)
        layout.addStretch(1)
        self.show_chains((), 0)

    def show_chains(self, chains: Sequence[Chain], total: int) -> None:
        """`total` counts all changes so far."""
        self._count.setText(
            tr("{n} changes of status", n=f"{total:,}")
            if total
            else tr("What causes what will be listed here")
        )
        self._lines.show_chains(chains[-LINES:])


class _Lines(QWidget):
    clicked_instance = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._chains: tuple[Chain, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(400, LINES * _LINE)

    def show_chains(self, chains: Sequence[Chain]) -> None:
        if self._chains != tuple(chains):
            self._chains = tuple(chains)
            self.setAccessibleName("; ".join(_words(chain) for chain in chains))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = int(event.position().y() // _LINE)
        if at < len(self._chains):
            self.clicked_instance.emit(self._chains[at].instances[0])

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for at, chain in enumerate(self._chains):
            self._draw(painter, QRectF(16, at * _LINE, self.width() - 32, _LINE), chain)

    def _draw(self, painter: QPainter, line: QRectF, chain: Chain) -> None:
        colors = theme()
        at = time.strftime("%H:%M:%S", time.localtime(chain.at))
        left = line.left() + _text(painter, line, line.left(), at, colors.font("body"), "text_muted") + 16
        left += _text(painter, line, left, _subject(chain), colors.font("strong"), "text") + 12
        for number, change in enumerate(chain.changes):
            if number:
                arrow = QRectF(left, line.center().y() - 7, 14, 14)
                draw_icon(painter, arrow, "arrow-right", colors.color("text_muted"))
                left += 26
            draw_status(painter, QRectF(left, line.center().y() - 5, 10, 10), change.after or "stopped")
            left += 18
            left += (
                _text(painter, line, left, _step(chain, change), colors.font("body"), "text_secondary") + 12
            )
            if left > line.right():
                break


def _subject(chain: Chain) -> str:
    return chain.instances[0] if len(chain.instances) == 1 else tr("start of the system")


def _step(chain: Chain, change: Change) -> str:
    word = change.after.value if change.after else tr("gone")
    if len(chain.instances) == 1:
        if change.reason.startswith(word):
            return change.reason
        return f"{word}: {change.reason}" if change.reason else word
    if change.after is Status.HEALTHY:
        took = f"{chain.until - chain.at:.1f}"
        return tr("{n} of {total} healthy in {s} s", n=len(chain.ended), total=len(chain.instances), s=took)
    return tr("{total} {word}", total=len(chain.instances), word=word)


def _words(chain: Chain) -> str:
    return f"{_subject(chain)}: " + ", ".join(_step(chain, change) for change in chain.changes)


def _text(painter: QPainter, line: QRectF, left: float, text: str, font: QFont, tone: Tone) -> float:
    """Draws it from `left`, cut at the line's end, and gives its width."""
    metrics = QFontMetricsF(font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, line.right() - left))
    painter.setFont(font)
    painter.setPen(theme().color(tone))
    painter.drawText(
        QRectF(left, line.top(), line.right() - left, line.height()), Qt.AlignmentFlag.AlignVCenter, shown
    )
    return metrics.horizontalAdvance(shown)
