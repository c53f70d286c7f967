"""A small curve of recent values; a gap where nothing is known."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.qt.theme import theme
from app.qt.tokens import Tone

Values = Sequence[float | None]


def draw_series(
    painter: QPainter, rect: QRectF, values: Values, line: QColor, *, top: float | None = None
) -> None:
    """The values from left to right over the whole width, zero at the bottom, with a faint fill under the line.

    `top` is the value of the upper edge; by default the highest there is. `None` among the values is a gap.
    """
    known = [value for value in values if value is not None]
    if len(values) < 2 or not known:
        return
    highest = top or max(known) or 1.0
    step = rect.width() / (len(values) - 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    fill = QColor(line)
    fill.setAlphaF(0.16)
    for run in _runs(values):
        points = [
            QPointF(
                rect.left() + at * step, rect.bottom() - min(value / highest, 1.0) * (rect.height() - 1.5)
            )
            for at, value in run
        ]
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        area = QPainterPath(path)
        area.lineTo(points[-1].x(), rect.bottom())
        area.lineTo(points[0].x(), rect.bottom())
        painter.fillPath(area, fill)
        painter.setPen(
            QPen(line, 1.3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        )
        painter.drawPath(path)
    painter.restore()


def _runs(values: Values) -> list[list[tuple[int, float]]]:
    """The stretches without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for at, value in enumerate(values):
        if value is not None:
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


class Sparkline(QWidget):
    """Decoration beside a figure that says the same: it has no accessible text of its own but `set_meaning`'s."""

    def __init__(self, tone: Tone = "plot_p95", height: int = 20, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone: Tone = tone
        self._height = height
        self._values: Values = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_values(self, values: Values, tone: Tone | None = None) -> None:
        self._values = values
        self._tone = tone or self._tone
        self.update()

    def set_meaning(self, text: str) -> None:
        self.setAccessibleName(text)
        self.setToolTip(text)

    def sizeHint(self) -> QSize:
        return QSize(88, self._height)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            draw_series(painter, area, self._values, theme().color(self._tone))
