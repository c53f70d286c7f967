"""What stands in a panel's place while it has nothing to show: loading, empty, or failed. One sentence, one action."""

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.core.messages import UserMessage
from app.qt.icons import draw_icon
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.label import Label


class _Picture(QWidget):
    """An icon in the middle, or an arc that turns (and stands still under reduced motion)."""

    def __init__(self) -> None:
        super().__init__()
        self._icon: str | None = None
        self._tone: Tone = "text_muted"
        self._angle = 0
        self._timer = QTimer(self)
        self._timer.setInterval(50)
        self._timer.timeout.connect(self._turn)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_icon(self, icon: str, tone: Tone) -> None:
        self._icon, self._tone = icon, tone
        self._timer.stop()
        self.update()

    def show_progress(self) -> None:
        self._icon = None
        if not theme().reduces_motion:
            self._timer.start()
        self.update()

    def hideEvent(self, event: object) -> None:
        self._timer.stop()

    def showEvent(self, event: object) -> None:
        if self._icon is None:
            self.show_progress()

    def _turn(self) -> None:
        self._angle = (self._angle + 15) % 360
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(40, 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            place = QRectF((self.width() - 32) / 2, 4, 32, 32)
            if self._icon:
                draw_icon(painter, place, self._icon, theme().color(self._tone))
                return
            painter.setPen(QPen(theme().color("border"), 3))
            painter.drawEllipse(place.adjusted(2, 2, -2, -2))
            painter.setPen(QPen(theme().color("accent"), 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawArc(place.adjusted(2, 2, -2, -2), -self._angle * 16, 100 * 16)


class StateView(QWidget):
    """`action_requested` when the one action it offers is taken."""

    action_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = _Picture()
        self._title = Label("", "section", wrap=True)
        self._text = Label("", "body", "text_muted", wrap=True, selectable=True)
        self._action = Button("", kind="primary", large=True)
        self._details = Label("", "mono", "text_secondary", wrap=True, selectable=True)
        self._action.clicked.connect(self.action_requested)
        self._build_ui()

    def _build_ui(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(8)
        column.addStretch(2)
        for widget in (self._picture, self._title, self._text):
            column.addWidget(widget)
        column.addSpacing(8)
        column.addWidget(self._action, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addWidget(self._details, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        for label in (self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)

    def show_loading(self, title: str, text: str = "") -> None:
        """Something is on its way; `text` may say how far."""
        self._fill(title, text, "", "")
        self._picture.show_progress()

    def show_empty(self, title: str, text: str = "", action: str = "", icon: str = "empty") -> None:
        """There is nothing; the sentence says why, the action fills it."""
        self._fill(title, text, action, "")
        self._picture.show_icon(icon, "text_muted")

    def show_error(self, message: UserMessage, action: str | None = None) -> None:
        """It failed; the action tries again. Details (a log's tail) stand below, to be read and copied."""
        self._fill(message.text, message.hint, tr("Try again") if action is None else action, message.details)
        self._picture.show_icon("warning", "bad")

    def _fill(self, title: str, text: str, action: str, details: str) -> None:
        self._title.setText(title)
        for label, content in ((self._text, text), (self._details, details)):
            label.setText(content)
            label.setVisible(bool(content))
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self.setAccessibleName(f"{title} {text}".strip())

    @property
    def title(self) -> str:
        return self._title.text()
