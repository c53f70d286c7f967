"""The head of a part of a page: its name, and a word at the right."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.widgets.label import ElidedLabel, Label


class SectionBar(QFrame):
    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self.setFixedHeight(36)
        self._aside = Label("", "small", "text_muted")
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(ElidedLabel(title, "section"), 1)
        line.addWidget(self._aside)

    def set_aside(self, text: str) -> None:
        if text != self._aside.text():
            self._aside.setText(text)

    @property
    def aside(self) -> str:
        return self._aside.text()
