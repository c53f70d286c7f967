"""What went wrong, where the action was: text, what to do, and a way to copy it. And the toast, for what went well."""

from typing import cast

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.language import tr
from app.core.messages import UserMessage
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button, IconButton
from app.widgets.label import Label
from app.widgets.status_lamp import StatusLamp

_TOAST_MS = 6000
_LAMPS: dict[Tone, str] = {
    "bad": "unhealthy",
    "warn": "degraded",
    "fault": "injected",
    "ok": "healthy",
    "accent": "starting",
}


class Notice(QFrame):
    """A message on its tint, hidden until there is one. `retry_requested` only comes when `can_retry` was given."""

    retry_requested = Signal()
    closed = Signal()

    def __init__(
        self,
        tone: Tone = "bad",
        *,
        closable: bool = True,
        can_retry: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._tone: Tone = tone
        self._message = UserMessage("")
        self._text = Label("", "strong", wrap=True, selectable=True)
        self._hint = Label("", "body", "text_secondary", wrap=True, selectable=True)
        self._lamp = StatusLamp(_LAMPS.get(tone, "unknown"))
        self._copy = Button(tr("Copy"), kind="link", name=tr("Copy the message"))
        self._retry = Button(tr("Try again"), kind="link")
        self._close = IconButton("close", tr("Close the message"))
        self._retry.setVisible(can_retry)
        self._close.setVisible(closable)
        self._build_ui()
        self._copy.clicked.connect(self.copy)
        self._retry.clicked.connect(self.retry_requested)
        self._close.clicked.connect(self.clear)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setVisible(False)

    def _build_ui(self) -> None:
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self._text)
        texts.addWidget(self._hint)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(12)
        layout.addWidget(self._lamp, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        for button in (self._retry, self._copy, self._close):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout.setAlignment(self._lamp, Qt.AlignmentFlag.AlignTop)
        self._lamp.setContentsMargins(0, 4, 0, 0)

    def show_message(self, message: UserMessage | str) -> None:
        self._message = message if isinstance(message, UserMessage) else UserMessage(message)
        self._text.setText(self._message.text)
        self._hint.setText(self._message.hint)
        self._hint.setVisible(bool(self._message.hint))
        self.setAccessibleName(str(self._message))
        self.setVisible(True)

    @property
    def message(self) -> UserMessage:
        return self._message

    def clear(self) -> None:
        was_shown = not self.isHidden()
        self.setVisible(False)
        if was_shown:
            self.closed.emit()

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self._message.full())
        self._copy.setText(tr("copied"))
        QTimer.singleShot(1200, self._copy, lambda: self._copy.setText(tr("Copy")))

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color(cast("Tone", f"{self._tone}_tint")))
            painter.drawRoundedRect(self.rect(), 6, 6)


class Toast(Notice):
    """A notice over the lower edge of a window, which goes by itself; `say` replaces what it said before."""

    def __init__(self, window: QWidget) -> None:
        super().__init__("accent", parent=window)
        self._window = window
        self.setObjectName("toast")
        self._end = QTimer(self)
        self._end.setSingleShot(True)
        self._end.setInterval(_TOAST_MS)
        self._end.timeout.connect(self.clear)
        window.installEventFilter(self)

    def say(self, message: UserMessage | str, tone: Tone = "accent") -> None:
        self._tone = tone
        self._lamp.set_status(_LAMPS.get(tone, "unknown"))
        self.show_message(message)
        self._place()
        self.raise_()
        self._end.start()

    def _place(self) -> None:
        window = self._window
        width = min(480, window.width() - 32)
        self.setFixedWidth(width)
        self.adjustSize()
        self.move((window.width() - width) // 2, window.height() - self.height() - 24)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize and self.isVisible():
            self._place()
        return False
