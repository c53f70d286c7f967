"""Why no saga moves, and the button that would bring its orchestrator back."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.core.messages import UserMessage
from app.widgets.button import Button
from app.widgets.notice import Notice


class AbsenceBanner(QWidget):
    """`mend_requested(key)`, as it was given; hidden while nothing is amiss."""

    mend_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self._notice = Notice("warn", closable=False)
        self._notice.setObjectName("orchestratorAbsence")
        self._mend = Button("")
        self._mend.setObjectName("mendOrchestrator")
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 8, 16, 8)
        line.addWidget(self._notice, 1)
        line.addWidget(self._mend)
        self._mend.clicked.connect(lambda: self.mend_requested.emit(self._key))
        self.setVisible(False)

    def show_absence(self, message: UserMessage | None, mend: str = "", words: str = "") -> None:
        """`mend` is what would bring it back, `words` its button's."""
        if message is not None and message != self._notice.message:
            self._notice.show_message(message)
        self._key = mend
        self._mend.setText(words)
        self._mend.setVisible(bool(mend))
        if self.isHidden() != (message is None):
            self._notice.setVisible(message is not None)
            self.setVisible(message is not None)

    @property
    def words(self) -> str:
        return "" if self.isHidden() else str(self._notice.message)
