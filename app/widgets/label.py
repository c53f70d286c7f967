"""Text in one of the design's faces and tones."""

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyle, QStyleOption, QWidget

from app.qt.theme import theme
from app.qt.tokens import Face, Tone


class Label(QLabel):
    """Plain text, never rich: what others wrote must not turn into markup. `wrap` breaks lines; `strong` is heavier."""

    def __init__(
        self,
        text: str = "",
        face: Face = "body",
        tone: Tone = "text",
        *,
        strong: bool = False,
        wrap: bool = False,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        font = QFont(theme().font(face))
        if strong:
            font.setWeight(QFont.Weight.DemiBold)
        self._font = font
        self.setFont(font)
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._tone: Tone = tone
        self._recolor()
        theme().changed.connect(self._recolor)

    def set_face(self, face: Face) -> None:
        self._font = theme().font(face)
        self.setFont(self._font)

    def set_tone(self, tone: Tone) -> None:
        if tone != self._tone:
            self._tone = tone
            self._recolor()

    @property
    def tone(self) -> Tone:
        return self._tone

    def changeEvent(self, event: QEvent) -> None:
        """A style sheet gives a label back what it had when it was first shown: with a new theme, with a new parent."""
        super().changeEvent(event)
        if event.type() in _RESETS and "_tone" in self.__dict__:
            if _traits(self.font()) != _traits(self._font):
                self.setFont(self._font)
            if self.palette().color(QPalette.ColorRole.WindowText) != theme().color(self._tone):
                self._recolor()

    def _recolor(self) -> None:
        """By palette: a style sheet would be matched anew, and would take the font with it."""
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, theme().color(self._tone))
        self.setPalette(palette)


_RESETS: Final = (QEvent.Type.FontChange, QEvent.Type.PaletteChange, QEvent.Type.StyleChange)


def _traits(font: QFont) -> tuple[object, ...]:
    return font.families(), font.pixelSize(), font.weight()


class ElidedLabel(Label):
    """One line that is cut with an ellipsis where there is no room; the whole text is then the tooltip."""

    def __init__(
        self,
        text: str = "",
        face: Face = "body",
        tone: Tone = "text",
        parent: QWidget | None = None,
        *,
        strong: bool = False,
    ) -> None:
        super().__init__(text, face, tone, strong=strong, parent=parent)
        self._cut = Qt.TextElideMode.ElideRight
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_cut(self, where: Qt.TextElideMode) -> None:
        """Where the ellipsis goes: at the end, unless what matters stands there."""
        self._cut = where
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance("…"), super().minimumSizeHint().height())

    def setText(self, text: str) -> None:
        """Free while it says the same."""
        if text != self.text():
            super().setText(text)
            self._tell_whole()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell_whole()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            option = QStyleOption()
            option.initFrom(self)
            shown = self.fontMetrics().elidedText(self.text(), self._cut, self.width())
            self.style().drawItemText(
                painter, self.contentsRect(), int(self.alignment()), option.palette,
                bool(option.state & QStyle.StateFlag.State_Enabled), shown, self.foregroundRole(),
            )  # fmt: skip

    def _tell_whole(self) -> None:
        is_cut = self.fontMetrics().horizontalAdvance(self.text()) > self.width()
        self.setToolTip(self.text() if is_cut else "")
