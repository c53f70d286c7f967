"""Draws what joins the cards of the two lanes: the way there, the way back, where it turned, what runs at the same time."""

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from app.core import figures
from app.core.language import tr
from app.panels.sagas.lanes import Lanes
from app.panels.sagas.step_card import TAG_RISE
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone

LABEL: Final = 16
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True)
class Scene:
    """`frames` are those of the cards, forward and undo, by column. `forward` and `undo` are where the lanes are named."""

    lanes: Lanes
    frames: tuple[tuple[QRectF, QRectF], ...]
    width: int
    forward: QPointF
    undo: QPointF
    is_stale: bool


def paint_lanes(painter: QPainter, scene: Scene) -> None:
    _draw_label(
        painter,
        QRectF(scene.forward.x(), scene.forward.y(), 300, LABEL),
        tr("Forward"),
        "arrow-right",
        after=True,
    )
    _draw_label(
        painter, QRectF(scene.undo.x(), scene.undo.y(), 300, LABEL), tr("Undo"), "arrow-left", after=False
    )
    for at in range(1, len(scene.frames)):
        _draw_forward(scene, painter, at)
        _draw_back(scene, painter, at)
    _draw_beside(scene, painter)
    _draw_turn(scene, painter)


def _draw_label(painter: QPainter, area: QRectF, text: str, icon: str, *, after: bool) -> None:
    color = theme().color("text_secondary")
    font = theme().font("small")
    advance = QFontMetricsF(font).horizontalAdvance(text)
    left = area.left() if after else area.left() + 20
    place = QRectF(left + advance + 6 if after else area.left(), area.center().y() - 7, 14, 14)
    draw_icon(painter, place, icon, color)
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(QRectF(left, area.top(), area.width(), area.height()), _LEFT, text)


def _draw_forward(scene: Scene, painter: QPainter, at: int) -> None:
    column = scene.lanes.columns[at]
    if column.beside:
        return
    is_reached = column.forward.ground != "idle"
    before, after = scene.frames[at - 1][0], scene.frames[at][0]
    _arrow(
        scene,
        painter,
        QPointF(before.right() + 1, before.center().y()),
        QPointF(after.left() - 1, after.center().y()),
        "text" if is_reached else None,
    )


def _draw_back(scene: Scene, painter: QPainter, at: int) -> None:
    """From the undoing of a step to that of the step before."""
    turn = scene.lanes.turn_column
    before, after = scene.frames[at - 1][1], scene.frames[at][1]
    is_way = turn is not None and at <= turn
    begun = scene.lanes.columns[at - 1].undo.ground != "idle"
    tone: Tone | None = "warn" if is_way and begun else None
    if turn is not None and at > turn:
        return
    _arrow(
        scene,
        painter,
        QPointF(after.left() - 1, after.center().y()),
        QPointF(before.right() + 1, before.center().y()),
        tone,
    )


def _arrow(scene: Scene, painter: QPainter, start: QPointF, end: QPointF, tone: Tone | None) -> None:
    """Dashed and pale where nobody went; `tone` is None there."""
    color = theme().color("text_muted" if tone is not None and scene.is_stale else tone or "edge_idle")
    pen = QPen(color, 1.6 if tone else 1.2)
    if tone is None:
        pen.setStyle(Qt.PenStyle.DotLine)
    painter.setPen(pen)
    painter.drawLine(start, end)
    _head(painter, start, end, color)


def _draw_beside(scene: Scene, painter: QPainter) -> None:
    """A frame around steps that run at the same time."""
    at = 1
    columns = scene.lanes.columns
    while at < len(columns):
        if not columns[at].beside:
            at += 1
            continue
        first = at - 1
        while at < len(columns) and columns[at].beside:
            at += 1
        frame = scene.frames[first][0].united(scene.frames[at - 1][0]).adjusted(-6, -6, 6, 6)
        painter.setPen(QPen(theme().color("border_strong"), 1, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame, 10, 10)
        painter.setPen(theme().color("text_muted"))
        painter.setFont(theme().font("small"))
        painter.drawText(
            QRectF(frame.left() + 4, frame.bottom() + 1, frame.width(), LABEL),
            _LEFT,
            tr("at the same time"),
        )


def _draw_turn(scene: Scene, painter: QPainter) -> None:
    turn, at = scene.lanes.turn, scene.lanes.turn_column
    if turn is None or at is None:
        return
    above, below = scene.frames[at][0], scene.frames[at][1]
    x = above.center().x()
    _arrow(scene, painter, QPointF(x, above.bottom() + 2), QPointF(x, below.top() - TAG_RISE / 2 - 2), "warn")
    text = tr("turns back at {time}", time=figures.precise_time(turn.at)) if turn.at else tr("turns back")
    if turn.step is None and turn.why:
        text = f"{text}: {turn.why}"
    metrics = QFontMetricsF(theme().font("strong"))
    width = metrics.horizontalAdvance(text)
    middle = (above.bottom() + below.top()) / 2 - 6
    left = x + 12
    if left + 20 + width > scene.width - 8:
        left = max(90.0, x - 32 - width)
    color = theme().color("text_muted" if scene.is_stale else "warn")
    draw_icon(painter, QRectF(left, middle - 7, 14, 14), "undo", color)
    painter.setPen(color)
    painter.setFont(theme().font("strong"))
    painter.drawText(
        QRectF(left + 20, middle - 10, scene.width - left - 24, 20),
        _LEFT,
        metrics.elidedText(text, Qt.TextElideMode.ElideRight, scene.width - left - 24),
    )


def _head(painter: QPainter, start: QPointF, end: QPointF, color: QColor) -> None:
    """The head of an arrow that is level or upright."""
    along = end - start
    length = max(1.0, (along.x() ** 2 + along.y() ** 2) ** 0.5)
    unit = along / length
    across = QPointF(-unit.y(), unit.x())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPolygon(QPolygonF([end, end - unit * 6 + across * 4, end - unit * 6 - across * 4]))
