"""An id, shortened, that a click copies whole."""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.core.language import tr
from app.qt.theme import theme
from app.widgets.button import Button

_SAID_MS = 1200
_SHOWN = 10


def shortened(identity: str, shown: int = _SHOWN) -> str:
    """`01JD4…8QK`: enough of both ends to tell ids apart."""
    if len(identity) <= shown:
        return identity
    tail = max(3, shown // 3)
    return f"{identity[: shown - tail]}…{identity[-tail:]}"


class CopyableId(Button):
    """Shows the id in the mono face; the whole one is its tooltip."""

    def __init__(self, identity: str = "", *, shown: int = _SHOWN, parent: QWidget | None = None) -> None:
        super().__init__("", kind="link", parent=parent)
        self.setFont(theme().font("mono"))
        self._shown = shown
        self._identity = ""
        self._said = QTimer(self)
        self._said.setSingleShot(True)
        self._said.setInterval(_SAID_MS)
        self._said.timeout.connect(self._show)
        self.clicked.connect(self.copy)
        self.set_id(identity)

    def set_id(self, identity: str) -> None:
        self._identity = identity
        self.setToolTip(tr("{id}\nClick to copy", id=identity) if identity else "")
        self.setAccessibleName(tr("Copy {id}", id=identity))
        self.setEnabled(bool(identity))
        self._show()

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self._identity)
        self.setText(tr("copied"))
        self._said.start()

    def _show(self) -> None:
        self.setText(shortened(self._identity, self._shown) or "–")
