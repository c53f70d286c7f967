"""How families of events are told apart at a glance: each has a colour and a bar of its own shape; the word says it too.

The shapes are bars, not lamps: a lamp is a status, and an event's type is none.
"""

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.qt.theme import theme
from app.qt.tokens import Face
from app.widgets.cell_delegate import draw_line

MARK_WIDTH: Final = 6
MARK_GAP: Final = 8
_LIKE: Final = {"email": "notification", "sms": "notification", "push": "notification", "stock": "inventory"}


def family_of(event_type: str) -> str:
    """By the first word; what goes to people is one family whatever its channel."""
    word = event_type.partition(".")[0]
    return _LIKE.get(word, word)


def color_of(event_type: str) -> QColor:
    return theme().event_color(family_of(event_type))


def draw_mark(painter: QPainter, place: QRectF, event_type: str, color: QColor) -> None:
    """The bar of the family, in the middle of `place`, as high as a line of text."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    left, top, height = place.left(), place.center().y() - 7, 14.0
    match family_of(event_type):
        case "order":
            painter.drawRect(QRectF(left, top, 3, height))
        case "payment":
            painter.drawRect(QRectF(left, top, 2, height))
            painter.drawRect(QRectF(left + 4, top, 2, height))
        case "user":
            painter.drawRoundedRect(QRectF(left, top, 5, 5), 2.5, 2.5)
            painter.drawRect(QRectF(left + 1, top + 7, 3, 7))
        case "inventory":
            for at in range(3):
                painter.drawRect(QRectF(left, top + 5 * at, 4, 4))
        case "notification":
            painter.drawPolygon(
                [QPointF(left, top), QPointF(left + 5, top + height / 2), QPointF(left, top + height)]
            )
        case "saga":
            painter.setPen(QPen(color, 2))
            steps = ((0, 1), (0, 5), (4, 5), (4, 10), (0, 10), (0, 14))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline([QPointF(left + 1 + x, top + y) for x, y in steps])
        case _:
            painter.setPen(QPen(color, 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(left + 0.6, top + 0.6, 3.6, height - 1.2))
    painter.restore()


class TypeLabel(QWidget):
    """An event's type with its mark, on one line; cut at its end where there is no room."""

    def __init__(self, face: Face = "small", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._type = ""
        self._face: Face = face
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_type(self, event_type: str) -> None:
        if event_type != self._type:
            self._type = event_type
            self.setAccessibleName(event_type)
            self.setToolTip(event_type)
            self.updateGeometry()
            self.update()

    @property
    def event_type(self) -> str:
        return self._type

    def sizeHint(self) -> QSize:
        width = QFontMetricsF(theme().font(self._face)).horizontalAdvance(self._type)
        return QSize(int(width) + MARK_WIDTH + MARK_GAP + 2, max(18, theme().line_height(self._face)))

    def minimumSizeHint(self) -> QSize:
        return QSize(48, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            draw_type(painter, QRectF(self.rect()), self._type, self._face, color_of(self._type))


def draw_type(painter: QPainter, area: QRectF, event_type: str, face: Face, color: QColor) -> None:
    middle, taken = area.center().y(), MARK_WIDTH + MARK_GAP
    draw_mark(painter, QRectF(area.left(), area.top(), MARK_WIDTH, area.height()), event_type, color)
    painter.setPen(color)
    draw_line(painter, area.left() + taken, middle, area.width() - taken, event_type, face)
