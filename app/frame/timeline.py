"""The strip at the bottom: what happened of late, one line a chain of consequences, the newest at the bottom."""

import time
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.core.reasons import in_short
from app.core.statuses import status_word
from app.frame.chains import Chain, Step
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.label import Label
from app.widgets.shapes import draw_status
from embedded_services.contracts.instances import Status

LINES: Final = 3
SHORT_LINES: Final = 1
_LINE: Final = 24


class Timeline(QFrame):
    """`instance_requested(id)` when an entry is clicked."""

    instance_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setFixedHeight(theme().size.timeline)
        self._shown = LINES
        self._chains: Sequence[Chain] = ()
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
        self._chains = chains
        self._lines.show_chains(chains[-self._shown :])

    def set_short(self, *, is_short: bool) -> None:
        """Where height is scarce, the newest chain alone."""
        self._shown = SHORT_LINES if is_short else LINES
        self.setFixedHeight(theme().size.timeline - (LINES - self._shown) * _LINE)
        self._lines.show_chains(self._chains[-self._shown :])


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
        for number, step in enumerate(chain.steps):
            if number:
                arrow = QRectF(left, line.center().y() - 7, 14, 14)
                draw_icon(painter, arrow, "arrow-right", colors.color("text_muted"))
                left += 26
            draw_status(painter, QRectF(left, line.center().y() - 5, 10, 10), _lamp(step))
            left += 18
            left += _text(painter, line, left, _said(chain, step), colors.font("body"), "text_secondary") + 12
            if left > line.right():
                break


def _subject(chain: Chain) -> str:
    return chain.instances[0] if len(chain.instances) == 1 else tr("start of the system")


def _lamp(step: Step) -> str:
    """A status that stays is not shown twice: what came of it is that the instance left the rotation, or did not."""
    if step.is_more:
        return "healthy" if step.change.in_rotation else "unhealthy"
    return step.change.after or "stopped"


def _said(chain: Chain, step: Step) -> str:
    change = step.change
    status = change.after.value if change.after else ""
    word = status_word(status).lower() if status else tr("gone")
    if len(chain.instances) == 1:
        if step.times > 1:
            word = tr("{word} {n} times", word=word, n=step.times)
        if step.is_more:
            word = tr("in rotation") if change.in_rotation else tr("out of rotation")
        why = in_short(status, change.reason)
        return f"{word}: {why}" if why else word
    if change.after is Status.HEALTHY:
        took = f"{chain.until - chain.at:.1f}"
        return tr("{n} of {total} healthy in {s} s", n=len(chain.ended), total=len(chain.instances), s=took)
    return tr("{total} {word}", total=len(chain.instances), word=word)


def _words(chain: Chain) -> str:
    return f"{_subject(chain)}: " + ", ".join(_said(chain, step) for step in chain.steps)


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
