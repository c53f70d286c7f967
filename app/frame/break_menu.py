"""The *Break it…* menu: beside what it is about, each item with what a client will see. One click injects, no dialog.

A letter injects at once, arrows walk, Return takes, Escape leaves; the item under the eye tells what it is about to do
by `pointed`.
"""

from typing import Final

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.breaking import BreakChoices, BreakItem
from app.core.language import tr
from app.frame.top_bar import draw_keys
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.label import ElidedLabel, Label

WIDTH: Final = 320
_ROW: Final = 42
_AIR: Final = 8
_TONES: Final[dict[str, Tone]] = {"calm": "text_secondary", "slower": "text_secondary", "failing": "bad"}


class BreakMenu(QFrame):
    """`chosen(NewFault)`, or `all_requested` for the whole catalogue. It deletes itself when it closes."""

    chosen = Signal(object)
    all_requested = Signal()

    def __init__(self, choices: BreakChoices, kinds: int, parent: QWidget) -> None:
        """`kinds` is how many kinds of fault there are in all."""
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("breakMenu")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(choices.title)
        self._rows: list[_Row] = []
        head = QHBoxLayout()
        head.addWidget(ElidedLabel(choices.title, "section"), 1)
        head.addWidget(Label(tr("what a client will see"), "small", "text_muted"))
        column = QVBoxLayout(self)
        column.setContentsMargins(5, 10, 5, 8)
        column.setSpacing(0)
        top = QWidget()
        above = QVBoxLayout(top)
        above.setContentsMargins(9, 0, 9, 6)
        above.setSpacing(2)
        above.addLayout(head)
        if choices.warning:
            above.addWidget(Label(choices.warning, "small", "warn"))
        column.addWidget(top)
        for group in choices.groups:
            column.addWidget(_line())
            for item in group:
                column.addWidget(self._add(item))
        column.addWidget(_line())
        column.addLayout(self._foot(kinds))
        self.setFixedWidth(WIDTH)
        if self._rows:
            self._rows[0].setFocus()

    def _add(self, item: BreakItem) -> "_Row":
        row = _Row(item)
        row.clicked.connect(lambda: self._take(item))
        self._rows.append(row)
        return row

    def _foot(self, kinds: int) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.setContentsMargins(9, 8, 9, 0)
        everything = Button(tr("All {n} faults…", n=kinds), kind="link")
        everything.setObjectName("allFaults")
        everything.clicked.connect(self._on_all)
        foot.addWidget(everything)
        foot.addStretch(1)
        foot.addWidget(Label(tr("each ends by itself after 60 s"), "small", "text_muted"))
        return foot

    def show_beside(self, place: QRect) -> None:
        """`place` on the screen is what it is about, and stays in sight: to the right of it, or where there is no room, to
        the left; within the screen."""
        self.show()
        self.adjustSize()  # as the style sheet has it now
        screen = self.screen().availableGeometry()
        left = place.right() + _AIR
        if left + self.width() > screen.right() + 1:
            left = place.left() - _AIR - self.width()
        top = min(place.top(), screen.bottom() - self.height() + 1)
        self.move(QPoint(max(screen.left(), left), max(screen.top(), top)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._walk(1 if key == Qt.Key.Key_Down else -1)
        elif key == Qt.Key.Key_Escape:
            self.close()
        elif row := next((row for row in self._rows if row.item.letter == event.text().upper()), None):
            self._take(row.item)
        else:
            super().keyPressEvent(event)

    def _walk(self, step: int) -> None:
        at = next((n for n, row in enumerate(self._rows) if row.hasFocus()), -step)
        self._rows[(at + step) % len(self._rows)].setFocus()

    def _take(self, item: BreakItem) -> None:
        self.chosen.emit(item.fault)
        self.close()

    def _on_all(self) -> None:
        self.all_requested.emit()
        self.close()


class _Row(QAbstractButton):
    def __init__(self, item: BreakItem) -> None:
        super().__init__()
        self.item = item
        self.setObjectName(f"break.{item.fault.kind}")
        self.setText(item.title)
        self.setAccessibleName(f"{item.title}: {item.sees}")
        self.setAccessibleDescription(item.letter)
        self.setToolTip(item.sees)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH - 10, _ROW)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if self.hasFocus():
                painter.setPen(QPen(colors.color("accent"), 1))
                painter.setBrush(colors.color("surface_selected"))
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
            draw_icon(painter, QRectF(10, (_ROW - 14) / 2, 14, 14), self.item.icon, colors.color("fault"))
            painter.setPen(colors.color("text"))
            painter.setFont(colors.font("strong"))
            room = self.width() - 34 - 36
            painter.drawText(QRectF(34, 3, room, 20), Qt.AlignmentFlag.AlignVCenter, self.item.title)
            painter.setPen(colors.color(_TONES[self.item.how]))
            painter.setFont(colors.font("small"))
            said = QFontMetricsF(painter.font()).elidedText(self.item.sees, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(34, 21, room, 17), Qt.AlignmentFlag.AlignVCenter, said)
            draw_keys(painter, QRectF(self.width() - 28, (_ROW - 20) / 2, 20, 20), self.item.letter)


def _line() -> QFrame:
    line = QFrame()
    line.setProperty("region", "rule")
    line.setFixedHeight(1)
    return line
