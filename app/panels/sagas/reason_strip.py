"""Where a person says why something is skipped or cancelled: below the button that was pressed, not in a dialog."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from app.core.language import tr
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.label import Label


class ReasonStrip(QFrame):
    """`given(action, reason)`; hidden until `ask`."""

    given = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reasonStrip")
        self.setProperty("region", "bar")
        self._action = ""
        self._question = Label("", "body", "text_secondary")
        self._reason = QLineEdit()
        self._reason.setObjectName("reason")
        self._reason.setMaxLength(500)
        self._reason.setFont(theme().font("body"))
        self._do = Button("", kind="primary")
        self._do.setObjectName("giveReason")
        self._keep = Button(tr("Keep it as it is"))
        self._keep.setObjectName("keepIt")
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 8, 16, 8)
        line.setSpacing(8)
        line.addWidget(self._question)
        line.addWidget(self._reason, 1)
        line.addWidget(self._do)
        line.addWidget(self._keep)
        self._do.clicked.connect(self._give)
        self._reason.returnPressed.connect(self._give)
        self._reason.textChanged.connect(self._check)
        self._keep.clicked.connect(self.hide)
        QShortcut(QKeySequence("Escape"), self).activated.connect(self.hide)
        self.setVisible(False)

    def ask(self, action: str, step: str) -> None:
        self._action = action
        self._reason.clear()
        if action == "skip":
            self._question.setText(tr("Skip {step}: why?", step=step) if step else tr("Skip it: why?"))
            self._reason.setPlaceholderText(tr("It goes into the journal"))
            self._do.setText(tr("Skip it"))
        else:
            self._question.setText(tr("Cancel this saga: why?"))
            self._reason.setPlaceholderText(tr("It goes into the journal; may be left out"))
            self._do.setText(tr("Cancel and undo"))
        self._reason.setAccessibleName(self._question.text())
        self._check()
        self.setVisible(True)
        self._reason.setFocus()

    def _check(self) -> None:
        self._do.setEnabled(self._action != "skip" or bool(self._reason.text().strip()))

    def _give(self) -> None:
        if self._do.isEnabled():
            self.setVisible(False)
            self.given.emit(self._action, self._reason.text().strip())
