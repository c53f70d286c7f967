"""Text in one of the design's faces and tones."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyle, QStyleOption, QWidget

from app.qt.theme import theme
from app.qt.tokens import Face, Tone


class Label(QLabel):
    """Plain text, never rich: what others wrote must not turn into markup. `wrap` breaks lines."""

    def __init__(
        self,
        text: str = "",
        face: Face = "body",
        tone: Tone = "text",
        *,
        wrap: bool = False,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme().font(face))
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.set_tone(tone)

    def set_tone(self, tone: Tone) -> None:
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            self.style().polish(self)


class ElidedLabel(Label):
    """One line that is cut with an ellipsis where there is no room; the whole text is then the tooltip."""

    def __init__(
        self, text: str = "", face: Face = "body", tone: Tone = "text", parent: QWidget | None = None
    ) -> None:
        super().__init__(text, face, tone, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance("…"), super().minimumSizeHint().height())

    def setText(self, text: str) -> None:
        super().setText(text)
        self._tell_whole()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell_whole()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        self.style().drawItemText(
            painter, self.contentsRect(), int(self.alignment()), option.palette,
            bool(option.state & QStyle.StateFlag.State_Enabled), shown, self.foregroundRole(),
        )  # fmt: skip

    def _tell_whole(self) -> None:
        is_cut = self.fontMetrics().horizontalAdvance(self.text()) > self.width()
        self.setToolTip(self.text() if is_cut else "")
