"""One dead letter in its group: a line to click on, with when, which and how often."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.events.dead_groups import tries_words
from app.panels.events.event_rows import data_of
from app.panels.events.summaries import summary
from app.qt.theme import theme
from app.widgets.copyable_id import shortened
from embedded_services.contracts.queues import DeadLetter

_HEIGHT = 26


class LetterRow(QAbstractButton):
    """`chosen(DeadLetter)`."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._letter: DeadLetter | None = None
        self._texts = ("", "", "")
        self.setCheckable(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._on_clicked)

    def show_letter(self, letter: DeadLetter, *, selected: bool) -> None:
        self.setChecked(selected)
        if letter == self._letter:
            return
        self._letter = letter
        at = figures.precise_time(letter.dead_at) if letter.dead_at is not None else figures.NONE
        what = summary(letter.type, data_of(letter.body) or {}) or shortened(letter.message_id, 16)
        last = tries_words(letter.attempts)
        if letter.replays:
            last = tr("replayed {n} times", n=letter.replays) if letter.replays > 1 else tr("replayed once")
        self._texts = (at, what, last)
        self.setAccessibleName(f"{at} {what} {last}")
        self.setToolTip(f"{letter.message_id}\n{what}\n{letter.reason}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def _on_clicked(self) -> None:
        if self._letter is not None:
            self.chosen.emit(self._letter)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            area = QRectF(self.rect())
            if self.isChecked():
                painter.fillRect(area, colors.color("surface_selected"))
                painter.fillRect(QRectF(0, 0, 2, area.height()), colors.color("accent"))
            elif self.underMouse():
                painter.fillRect(area, colors.color("surface_hover"))
            room = area.adjusted(44, 0, -16, 0)
            at, what, last = self._texts
            middle = int(Qt.AlignmentFlag.AlignVCenter)
            painter.setFont(colors.font("mono"))
            painter.setPen(colors.color("text_muted"))
            painter.drawText(room, middle, at)
            room.setLeft(room.left() + QFontMetricsF(painter.font()).horizontalAdvance("00:00:00.000") + 12)
            painter.setFont(colors.font("small"))
            metrics = QFontMetricsF(painter.font())
            painter.drawText(room, middle | int(Qt.AlignmentFlag.AlignRight), last)
            room.setRight(room.right() - metrics.horizontalAdvance(last) - 12)
            painter.setPen(colors.color("text"))
            text = metrics.elidedText(what, Qt.TextElideMode.ElideRight, max(0.0, room.width()))
            painter.drawText(room, middle, text)
            if self.hasFocus():
                painter.setPen(QPen(colors.color("accent"), 2))
                painter.drawRect(area.adjusted(1, 1, -1, -1))
