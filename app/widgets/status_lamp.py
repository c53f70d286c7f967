"""A status as a lamp: shape and colour, and the word for those who cannot see it."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.qt.theme import theme
from app.widgets.shapes import draw_status


class StatusLamp(QWidget):
    """Shows a status of the tokens. Never alone: the word stands beside it, or it is the tooltip."""

    def __init__(
        self, status: str = "unknown", size: int | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._side = size or theme().size.lamp
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._status = ""
        self.set_status(status)

    @property
    def status(self) -> str:
        return self._status

    def set_status(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self.setAccessibleName(status)
            self.setToolTip(status)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._side, self._side)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            draw_status(painter, QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), self._status)
