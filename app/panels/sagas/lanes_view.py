"""The two lanes of a saga: forward left to right, undoing right to left beneath, each undoing under the step that it undoes."""

from itertools import pairwise
from typing import Final

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.sagas.cards import Card, Way
from app.panels.sagas.lanes import Lanes
from app.panels.sagas.step_card import FORWARD_HEIGHT, TAG_RISE, UNDO_HEIGHT, StepCard
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from embedded_services.common.clock import Clock

_SIDE: Final = 16
_GAP: Final = 18
_GAP_BESIDE: Final = 12
_LEAST: Final = 132
_MOST: Final = 208
_LABEL: Final = 16
_TOP: Final = 8
_FORWARD: Final = _TOP + _LABEL + TAG_RISE
_BETWEEN: Final = 48
_UNDO: Final = _FORWARD + FORWARD_HEIGHT + _BETWEEN
HEIGHT: Final = _UNDO + UNDO_HEIGHT + 6
TICK_MS: Final = 100
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class LanesView(QScrollArea):
    """`step_chosen(step, way)`; `menu_requested(step, way, global place)`."""

    step_chosen = Signal(str, str)
    menu_requested = Signal(str, str, QPoint)

    def __init__(self, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lanes")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumHeight(160)
        self._ground = _Ground(clock)
        self.setWidget(self._ground)
        self._ground.step_chosen.connect(self.step_chosen)
        self._ground.menu_requested.connect(self.menu_requested)

    def show_lanes(self, lanes: Lanes) -> None:
        self._ground.show_lanes(lanes)

    def select(self, step: str, way: str) -> None:
        """No step where it is empty."""
        self._ground.select(step, way)
        card = self.card(step, way)
        if card is not None:
            self.ensureWidgetVisible(card, 20, 8)

    def card(self, step: str, way: str) -> StepCard | None:
        return self._ground.card(step, way)

    def set_stale(self, stale: bool) -> None:
        self._ground.set_stale(stale)

    @property
    def lanes(self) -> Lanes:
        return self._ground.lanes

    def sizeHint(self) -> QSize:
        return QSize(760, HEIGHT)


class _Ground(QWidget):
    """Places the cards and draws what joins them."""

    step_chosen = Signal(str, str)
    menu_requested = Signal(str, str, QPoint)

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.lanes = Lanes(())
        self._clock = clock
        self._cards: list[tuple[StepCard, StepCard]] = []
        self._selected = ("", "")
        self._is_stale = False
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._pass_time)

    # --- what it is told ------------------------------------------------------------------------------------------

    def show_lanes(self, lanes: Lanes) -> None:
        before, self.lanes = self.lanes, lanes
        names = [column.forward.step for column in lanes.columns]
        if [forward.card.step for forward, _ in self._cards] != names:
            self._make_cards()
        now = self._clock.now()
        for (forward, undo), column in zip(self._cards, lanes.columns, strict=True):
            forward.show_card(column.forward, now)
            undo.show_card(column.undo, now)
        if lanes.is_live:
            self._tick.start()
        else:
            self._tick.stop()
        if before != lanes:
            self._place()
            self.update()

    def _make_cards(self) -> None:
        for pair in self._cards:
            for card in pair:
                card.setParent(None)  # gone at once, and with it its name
                card.deleteLater()
        self._cards = []
        for at, column in enumerate(self.lanes.columns):
            pair = (self._make_card(at, column.forward), self._make_card(at, column.undo))
            self._cards.append(pair)
        for lane in (0, 1):
            order = [pair[lane] for pair in self._cards]
            for first, second in pairwise(order):
                QWidget.setTabOrder(first, second)
        if self._cards:
            QWidget.setTabOrder(self._cards[-1][0], self._cards[0][1])
        self._select_cards()

    def _make_card(self, at: int, card: Card) -> StepCard:
        made = StepCard(card, self)
        made.set_stale(self._is_stale)
        step, way = card.step, card.way
        made.chosen.connect(lambda: self.step_chosen.emit(step, way))
        made.menu_requested.connect(lambda place: self.menu_requested.emit(step, way, place))
        made.moved.connect(lambda dx, dy: self._move(at, way, dx, dy))
        made.show()
        return made

    def select(self, step: str, way: str) -> None:
        self._selected = (step, way)
        self._select_cards()

    def _select_cards(self) -> None:
        for pair in self._cards:
            for card in pair:
                card.set_selected((card.card.step, card.card.way) == self._selected)

    def card(self, step: str, way: str) -> StepCard | None:
        return next(
            (card for pair in self._cards for card in pair if (card.card.step, card.card.way) == (step, way)), None
        )  # fmt: skip

    def set_stale(self, stale: bool) -> None:
        self._is_stale = stale
        for pair in self._cards:
            for card in pair:
                card.set_stale(stale)
        self.update()

    def _move(self, at: int, way: Way, dx: int, dy: int) -> None:
        lane = min(1, max(0, (0 if way == "forward" else 1) + dy))
        column = min(len(self._cards) - 1, max(0, at + dx))
        self._cards[column][lane].setFocus(Qt.FocusReason.TabFocusReason)

    def _pass_time(self) -> None:
        now = self._clock.now()
        if self.isVisible():
            for pair in self._cards:
                for card in pair:
                    card.pass_time(now)

    # --- where things are -----------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def minimumSizeHint(self) -> QSize:
        gaps = sum(_GAP_BESIDE if column.beside else _GAP for column in self.lanes.columns[1:])
        return QSize(2 * _SIDE + len(self._cards) * _LEAST + gaps, HEIGHT)

    def _place(self) -> None:
        self.setMinimumSize(self.minimumSizeHint())
        columns = self.lanes.columns
        if not columns:
            return
        gaps = [_GAP_BESIDE if column.beside else _GAP for column in columns[1:]]
        room = self.width() - 2 * _SIDE - sum(gaps)
        width = max(_LEAST, min(_MOST, room // len(columns)))
        left = _SIDE
        for (forward, undo), gap in zip(self._cards, [*gaps, 0], strict=True):
            forward.setGeometry(left, _FORWARD - TAG_RISE, width, FORWARD_HEIGHT + TAG_RISE)
            undo.setGeometry(left, _UNDO - TAG_RISE, width, UNDO_HEIGHT + TAG_RISE)
            left += width + gap

    def _frame(self, at: int, lane: int) -> QRectF:
        return QRectF(self._cards[at][lane].geometry()).adjusted(1, TAG_RISE, -1, 0)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._cards:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme().color("canvas"))
        self._draw_label(
            painter, QRectF(_SIDE, _TOP - 4, 300, _LABEL), tr("Forward"), "arrow-right", after=True
        )
        self._draw_label(
            painter, QRectF(_SIDE, _UNDO - TAG_RISE - _LABEL - 2, 300, _LABEL), tr("Undo"), "arrow-left", after=False
        )  # fmt: skip
        for at in range(1, len(self._cards)):
            self._draw_forward(painter, at)
            self._draw_back(painter, at)
        self._draw_beside(painter)
        self._draw_turn(painter)

    def _draw_label(self, painter: QPainter, area: QRectF, text: str, icon: str, *, after: bool) -> None:
        color = theme().color("text_secondary")
        font = theme().font("small")
        advance = QFontMetricsF(font).horizontalAdvance(text)
        left = area.left() if after else area.left() + 20
        place = QRectF(left + advance + 6 if after else area.left(), area.center().y() - 7, 14, 14)
        draw_icon(painter, place, icon, color)
        painter.setFont(font)
        painter.setPen(color)
        painter.drawText(QRectF(left, area.top(), area.width(), area.height()), _LEFT, text)

    def _draw_forward(self, painter: QPainter, at: int) -> None:
        column = self.lanes.columns[at]
        if column.beside:
            return
        is_reached = column.forward.ground != "idle"
        before, after = self._frame(at - 1, 0), self._frame(at, 0)
        self._arrow(
            painter,
            QPointF(before.right() + 1, before.center().y()),
            QPointF(after.left() - 1, after.center().y()),
            "text" if is_reached else None,
        )

    def _draw_back(self, painter: QPainter, at: int) -> None:
        """From the undoing of a step to that of the step before."""
        turn = self.lanes.turn_column
        before, after = self._frame(at - 1, 1), self._frame(at, 1)
        is_way = turn is not None and at <= turn
        begun = self.lanes.columns[at - 1].undo.ground != "idle"
        tone: Tone | None = "warn" if is_way and begun else None
        if turn is not None and at > turn:
            return
        self._arrow(
            painter,
            QPointF(after.left() - 1, after.center().y()),
            QPointF(before.right() + 1, before.center().y()),
            tone,
        )

    def _arrow(self, painter: QPainter, start: QPointF, end: QPointF, tone: Tone | None) -> None:
        """Dashed and pale where nobody went; `tone` is None there."""
        color = theme().color("text_muted" if tone is not None and self._is_stale else tone or "edge_idle")
        pen = QPen(color, 1.6 if tone else 1.2)
        if tone is None:
            pen.setStyle(Qt.PenStyle.DotLine)
        painter.setPen(pen)
        painter.drawLine(start, end)
        _head(painter, start, end, color)

    def _draw_beside(self, painter: QPainter) -> None:
        """A frame around steps that run at the same time."""
        at = 1
        columns = self.lanes.columns
        while at < len(columns):
            if not columns[at].beside:
                at += 1
                continue
            first = at - 1
            while at < len(columns) and columns[at].beside:
                at += 1
            frame = self._frame(first, 0).united(self._frame(at - 1, 0)).adjusted(-6, -6, 6, 6)
            painter.setPen(QPen(theme().color("border_strong"), 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(frame, 10, 10)
            painter.setPen(theme().color("text_muted"))
            painter.setFont(theme().font("small"))
            painter.drawText(
                QRectF(frame.left() + 4, frame.bottom() + 1, frame.width(), _LABEL),
                _LEFT,
                tr("at the same time"),
            )

    def _draw_turn(self, painter: QPainter) -> None:
        turn, at = self.lanes.turn, self.lanes.turn_column
        if turn is None or at is None:
            return
        above, below = self._frame(at, 0), self._frame(at, 1)
        x = above.center().x()
        self._arrow(
            painter, QPointF(x, above.bottom() + 2), QPointF(x, below.top() - TAG_RISE / 2 - 2), "warn"
        )
        text = tr("turns back at {time}", time=figures.precise_time(turn.at)) if turn.at else tr("turns back")
        if turn.step is None and turn.why:
            text = f"{text}: {turn.why}"
        metrics = QFontMetricsF(theme().font("strong"))
        width = metrics.horizontalAdvance(text)
        middle = (above.bottom() + below.top()) / 2 - 6
        left = x + 12
        if left + 20 + width > self.width() - 8:
            left = max(90.0, x - 32 - width)
        color = theme().color("text_muted" if self._is_stale else "warn")
        draw_icon(painter, QRectF(left, middle - 7, 14, 14), "undo", color)
        painter.setPen(color)
        painter.setFont(theme().font("strong"))
        painter.drawText(
            QRectF(left + 20, middle - 10, self.width() - left - 24, 20),
            _LEFT,
            metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.width() - left - 24),
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
