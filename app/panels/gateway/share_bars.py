"""The shares of a service's instances as bars: what each gets, the white mark of what it should get now, and the dashed
mark of what it would get with all in rotation. One widget for all instances: it is painted four times a second.
"""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.gateway.shares import ShareRow, percent
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.shapes import draw_status
from app.widgets.stepper import Stepper

LINE: Final = 22
LINE_WITH_STEPPER: Final = 28
_BAR: Final = 12
NAME: Final = 132
_SHARE: Final = 64
_RATE: Final = 72
_STEPPER: Final = 76
_LAMP: Final = 10
_BOLT: Final = 12


class ShareBars(QWidget):
    """`weight_requested(instance, weight)` from the steppers, which are there while the strategy goes by weights.

    With the focus here, up and down walk the instances; `current` is the one that they are on."""

    weight_requested = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ShareRow, ...] = ()
        self._steppers: dict[str, Stepper] = {}
        self._is_weighted = False
        self._is_stale = False
        self._at = 0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_rows(self, rows: Sequence[ShareRow], *, weighted: bool, stale: bool) -> None:
        if (tuple(rows), weighted, stale) == (self._rows, self._is_weighted, self._is_stale):
            return
        height = self.sizeHint().height()
        self._rows, self._is_weighted, self._is_stale = tuple(rows), weighted, stale
        self.setAccessibleName(tr("Shares"))
        self.setAccessibleDescription("; ".join(row.says() for row in rows))
        self._show_steppers()
        if self.sizeHint().height() != height:
            self.updateGeometry()
        self.update()

    @property
    def rows(self) -> Sequence[ShareRow]:
        return self._rows

    # --- the keyboard ---------------------------------------------------------------------------------------------

    @property
    def current(self) -> ShareRow | None:
        return self._rows[min(self._at, len(self._rows) - 1)] if self._rows else None

    def current_place(self) -> QRect:
        """Where it is on the screen."""
        at = max(0, min(self._at, len(self._rows) - 1))
        return QRect(self.mapToGlobal(QPoint(0, at * self._line)), QSize(self.width(), self._line))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None or not self._rows:
            super().keyPressEvent(event)
            return
        self._at = max(0, min(len(self._rows) - 1, self._at + step))
        self._say_current()
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._say_current()

    def _say_current(self) -> None:
        if self.current is not None:
            self.setToolTip(tr("{name}: B breaks it", name=self.current.id))

    # --- weights --------------------------------------------------------------------------------------------------

    def _show_steppers(self) -> None:
        wanted = {row.id: row for row in self._rows} if self._is_weighted else {}
        for identity in self._steppers.keys() - wanted.keys():
            self._steppers.pop(identity).deleteLater()
        for identity, row in wanted.items():
            if identity not in self._steppers:
                self._steppers[identity] = self._make_stepper(identity, row.weight)
            stepper = self._steppers[identity]
            if stepper.value != row.weight:
                stepper.set_value(row.weight)
        self._place_steppers()

    def _make_stepper(self, identity: str, weight: int) -> Stepper:
        stepper = Stepper(tr("Weight of {instance}", instance=identity), 1, 1000, self)
        stepper.setObjectName(f"weight-{identity}")
        stepper.set_value(weight)
        stepper.setToolTip(tr("Its weight: twice as much, twice as often"))
        stepper.value_requested.connect(lambda value: self.weight_requested.emit(identity, value))
        stepper.show()
        return stepper

    def _place_steppers(self) -> None:
        for at, row in enumerate(self._rows):
            if row.id in self._steppers:
                stepper = self._steppers[row.id]
                stepper.resize(_STEPPER, stepper.height())
                stepper.move(
                    self._bar_left - _STEPPER - 12, int(at * self._line + (self._line - stepper.height()) / 2)
                )

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_steppers()

    # --- geometry -------------------------------------------------------------------------------------------------

    @property
    def _line(self) -> int:
        return LINE_WITH_STEPPER if self._is_weighted else LINE

    @property
    def _bar_left(self) -> int:
        return NAME + (_STEPPER + 12 if self._is_weighted else 0)

    def sizeHint(self) -> QSize:
        return QSize(360, self._line * max(1, len(self._rows)))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    def row_at(self, place: QPoint) -> ShareRow | None:
        """The row below a place of this widget."""
        at = int(place.y() // self._line)
        return self._rows[at] if place.y() >= 0 and at < len(self._rows) else None

    def bar(self, at: int) -> QRectF:
        """Where the bar of row `at` is painted."""
        right = self.width() - _SHARE - _RATE
        top = at * self._line + (self._line - _BAR) / 2
        return QRectF(self._bar_left, top, max(24, right - self._bar_left), _BAR)

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for at, row in enumerate(self._rows):
                if self.hasFocus() and row is self.current:
                    painter.setPen(QPen(theme().color("accent"), 1))
                    painter.setBrush(theme().color("surface_selected"))
                    line = QRectF(0.5, at * self._line + 0.5, self.width() - 1, self._line - 1)
                    painter.drawRoundedRect(line, 4, 4)
                self._paint_row(painter, at, row)

    def _paint_row(self, painter: QPainter, at: int, row: ShareRow) -> None:
        top, bar = at * self._line, self.bar(at)
        middle = top + self._line / 2
        status = "unknown" if self._is_stale else row.status
        draw_status(painter, QRectF(0, middle - _LAMP / 2, _LAMP, _LAMP), status)
        left = _LAMP + 8
        end = self._bar_left - 8 - (_STEPPER + 12 if self._is_weighted else 0)
        metrics = QFontMetricsF(theme().font("body"))
        room = end - left - (_BOLT + 4 if row.fault else 0)
        name = metrics.elidedText(row.id, Qt.TextElideMode.ElideRight, room)
        self._write(painter, QRectF(left, top, end - left, self._line), name, "text")
        if row.fault:
            place = QRectF(end - _BOLT, middle - _BOLT / 2, _BOLT, _BOLT)
            draw_icon(painter, place, "bolt", theme().color("text_muted" if self._is_stale else "fault"))
        self._paint_bar(painter, bar, row)
        shares = QRectF(bar.right(), top, _SHARE, self._line)
        self._write(painter, shares, percent(row.share), "text", right=True, strong=True)
        rates = QRectF(bar.right() + _SHARE, top, _RATE, self._line)
        rate = figures.NONE if row.rate is None else tr("{rate} /s", rate=_short(row.rate))
        self._write(painter, rates, rate, "text_secondary", right=True)

    def _paint_bar(self, painter: QPainter, bar: QRectF, row: ShareRow) -> None:
        colors = theme()
        ground, fill = (
            colors.color("surface_sunken"),
            colors.color("unknown" if self._is_stale else "accent_fill"),
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(bar, 2, 2)
        if not row.in_rotation:
            self._paint_out(painter, bar, row)
        if row.share:
            filled = QRectF(bar)
            filled.setWidth(max(2.0, bar.width() * min(1.0, row.share)))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawRoundedRect(filled, 2, 2)
        if row.all_in is not None:
            pen = QPen(colors.color("text_muted"), 1.2, Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([2.5, 2.5])
            self._mark(painter, bar, row.all_in, pen, 0)
        if row.expected is not None:
            self._mark(painter, bar, row.expected, QPen(colors.color("text"), 2), 2)

    def _paint_out(self, painter: QPainter, bar: QRectF, row: ShareRow) -> None:
        color = QColor(theme().color("unknown" if self._is_stale else theme().look_of(row.status).tone))
        pen = QPen(color, 1, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([3, 3])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar.adjusted(0.5, 0.5, -0.5, -0.5))
        if row.word and not row.share:
            font = theme().font("caption")
            place = QRectF(
                bar.left() + 8,
                bar.top() - 2,
                QFontMetricsF(font).horizontalAdvance(row.word) + 8,
                bar.height() + 4,
            )
            painter.fillRect(place, theme().color("surface"))  # no dash strikes the word
            painter.setFont(font)
            painter.setPen(color)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), row.word)

    @staticmethod
    def _mark(painter: QPainter, bar: QRectF, share: float, pen: QPen, over: int) -> None:
        x = round(bar.left() + bar.width() * min(1.0, share))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(pen)
        painter.drawLine(QPointF(x, bar.top() - over), QPointF(x, bar.bottom() + over))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _write(
        self,
        painter: QPainter,
        area: QRectF,
        text: str,
        tone: Tone,
        *,
        right: bool = False,
        strong: bool = False,
    ) -> None:
        painter.setFont(theme().font("strong" if strong else "body"))
        painter.setPen(theme().color("text_muted" if self._is_stale else tone))
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(area, int(side | Qt.AlignmentFlag.AlignVCenter), text)

    # --- why ------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            at = event.pos().y() // self._line
            row = self._rows[at] if 0 <= at < len(self._rows) else None
            QToolTip.showText(event.globalPos(), _tip(row) if row is not None else "", self)
            return True
        return super().event(event)


def _tip(row: ShareRow) -> str:
    lines = [
        row.id,
        *([tr("broken by {faults}", faults=row.fault)] if row.fault else []),
        tr("gets {share}", share=percent(row.share)),
    ]
    if row.expected is not None:
        lines.append(tr("white mark: {share}, what it should get now", share=percent(row.expected)))
    if row.all_in is not None:
        lines.append(tr("dashed mark: {share}, with all in rotation", share=percent(row.all_in)))
    return "\n".join([*lines, *([row.tooltip] if row.tooltip else [])])


def _short(rate: float) -> str:
    if rate == 0:
        return "0"
    return figures.decimal(rate) if rate < 1000 else f"{rate:,.0f}"
