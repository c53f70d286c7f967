"""The two lanes of a saga: forward left to right, undoing right to left beneath, each undoing under the step that it undoes."""

from itertools import pairwise
from typing import Final

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.panels.sagas.cards import Card, Way
from app.panels.sagas.lanes import Lanes
from app.panels.sagas.lanes_paint import LABEL, Scene, paint_lanes
from app.panels.sagas.step_card import FORWARD_HEIGHT, TAG_RISE, UNDO_HEIGHT, StepCard
from app.qt.theme import theme
from embedded_services.common.clock import Clock

_SIDE: Final = 16
_GAP: Final = 18
_GAP_BESIDE: Final = 12
_LEAST: Final = 132
_MOST: Final = 208
_TOP: Final = 8
_FORWARD: Final = _TOP + LABEL + TAG_RISE
_BETWEEN: Final = 48
_UNDO: Final = _FORWARD + FORWARD_HEIGHT + _BETWEEN
HEIGHT: Final = _UNDO + UNDO_HEIGHT + 6
TICK_MS: Final = 100


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

    def current(self) -> StepCard | None:
        """The card that the keyboard is on, else the one that is selected."""
        return self._ground.current()

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

    def current(self) -> StepCard | None:
        cards = [card for pair in self._cards for card in pair]
        focused = next((card for card in cards if card.hasFocus()), None)
        return focused or self.card(*self._selected)

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
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), theme().color("canvas"))
            frames = tuple((self._frame(at, 0), self._frame(at, 1)) for at in range(len(self._cards)))
            forward, undo = QPointF(_SIDE, _TOP - 4), QPointF(_SIDE, _UNDO - TAG_RISE - LABEL - 2)
            paint_lanes(painter, Scene(self.lanes, frames, self.width(), forward, undo, self._is_stale))
