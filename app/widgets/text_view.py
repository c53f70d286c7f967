"""Read-only text of any size in the mono face: an answer's body, a traceback. Selectable, copyable, wrapped on demand.

One very long line would take seconds to lay out, so lines are folded at `FOLD` characters; of more than `MOST_LINES`
the rest is counted in a last line. `text()` gives all that was set.
"""

from typing import Final

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from app.core.language import tr
from app.qt.theme import theme

FOLD: Final = 2_000
MOST_LINES: Final = 4_000
_MARGIN: Final = 4
_FRAME: Final = 6
"""The padding and border of text fields."""


class TextView(QPlainTextEdit):
    def __init__(self, name: str, *, lines: int | None = None, parent: QWidget | None = None) -> None:
        """With `lines` it wraps, and is as high as its text, up to so many lines: for a page that scrolls itself."""
        super().__init__(parent)
        self._text = ""
        self._lines = lines
        self.setAccessibleName(name)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme().font("mono"))
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(_MARGIN)
        self.set_wrapped(wrapped=lines is not None)

    def set_text(self, text: str) -> None:
        self._text = text
        lines = text.splitlines()
        shown = _folded(lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            more = tr("… {n:,} more lines; copy the text to have them", n=len(lines) - MOST_LINES)
            shown.append(more)
        self.setPlainText("\n".join(shown))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._lines is not None:
            shown = min(max(1, int(self.document().size().height())), self._lines)
            self.setFixedHeight(shown * self.fontMetrics().lineSpacing() + 2 * (_MARGIN + _FRAME))

    def text(self) -> str:
        return self._text

    def set_wrapped(self, *, wrapped: bool) -> None:
        mode = QPlainTextEdit.LineWrapMode
        self.setLineWrapMode(mode.WidgetWidth if wrapped else mode.NoWrap)


def _folded(lines: list[str]) -> list[str]:
    return [line[at : at + FOLD] for line in lines for at in range(0, max(1, len(line)), FOLD)]
