"""The shapes of the design's statuses, drawn by hand so that they stay sharp at 10 pixels and any scaling.

A status is a shape *and* a colour: without colour the shapes alone must tell healthy from failing.
"""

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Shape

_ICONS: Final = {"bolt": "bolt", "return-arrow": "undo"}


def draw_status(painter: QPainter, rect: QRectF, status: str) -> None:
    """The lamp of a status (tokens' [status]) in a square; a status that is not known is a ring."""
    look = theme().look_of(status)
    draw_shape(painter, rect, look.shape, theme().color(look.tone))


def draw_shape(painter: QPainter, rect: QRectF, shape: Shape, color: QColor) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if icon := _ICONS.get(shape):
        draw_icon(painter, rect.adjusted(-1, -1, 1, 1), icon, color)
    elif shape in ("disc", "triangle"):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawPath(_filled(rect, shape))
    else:
        pen = QPen(color, max(1.6, rect.width() * 0.16))
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        _stroke(painter, rect, shape, color)
    painter.restore()


def _filled(rect: QRectF, shape: Shape) -> QPainterPath:
    path = QPainterPath()
    side = rect.width()
    if shape == "disc":
        path.addEllipse(rect.center(), side * 0.4, side * 0.4)
    else:
        top = QPointF(rect.center().x(), rect.top() + side * 0.08)
        base = rect.bottom() - side * 0.1
        path.addPolygon(QPolygonF([top, QPointF(rect.right(), base), QPointF(rect.left(), base), top]))
    return path


def _stroke(painter: QPainter, rect: QRectF, shape: Shape, color: QColor) -> None:
    center, reach = rect.center(), rect.width() * 0.38
    match shape:
        case "cross":
            for side in (-1, 1):
                painter.drawLine(
                    center + QPointF(side * reach, -reach) * 0.85,
                    center + QPointF(-side * reach, reach) * 0.85,
                )
        case "six-arm":
            for x, y in ((0.0, 1.1), (0.95, 0.55), (0.95, -0.55)):
                painter.drawLine(center + QPointF(x, y) * reach, center - QPointF(x, y) * reach)
        case "half-disc":
            painter.drawEllipse(center, reach, reach)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawPie(
                QRectF(center.x() - reach, center.y() - reach, 2 * reach, 2 * reach), 90 * 16, 180 * 16
            )
        case "down-chevron":
            painter.drawPolyline(
                [
                    center + QPointF(-reach, -reach / 2),
                    center + QPointF(0, reach / 2),
                    center + QPointF(reach, -reach / 2),
                ]
            )
        case "hollow-square":
            painter.drawRect(QRectF(center.x() - reach, center.y() - reach, 2 * reach, 2 * reach))
        case _:
            painter.drawEllipse(center, reach, reach)
