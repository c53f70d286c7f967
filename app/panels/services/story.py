"""What happened to an instance, line by line, from the journal: how long ago, the lamp it got, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.services.journal_model import JournalRow
from app.widgets.label import Label
from app.widgets.status_lamp import StatusLamp


@dataclass(frozen=True)
class _Line:
    ago: Label
    lamp: StatusLamp
    text: Label

    def show(self, row: JournalRow, who: str) -> None:
        self.ago.setText(row.ago)
        self.ago.setToolTip(figures.moment(row.at))
        self.lamp.set_status(row.status)
        self.text.setText(f"{who}{_sentence(row.reason)}")

    def set_visible(self, *, visible: bool) -> None:
        for widget in (self.ago, self.lamp, self.text):
            widget.setVisible(visible)


class Story(QWidget):
    """Oldest first, as it is read. A line keeps its widgets: new changes only change texts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = Label("", "strong", "text_secondary")
        self._nothing = Label(tr("No change is on record."), "body", "text_muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(2, 1)
        self._grid.setColumnMinimumWidth(0, 60)
        self._lines: list[_Line] = []
        self._shown: tuple[object, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._title)
        column.addWidget(self._nothing)
        column.addLayout(self._grid)

    def show_rows(self, title: str, rows: Sequence[JournalRow], *, names_instances: bool = False) -> None:
        """`names_instances` says of whom each line is."""
        if (title, *rows) == self._shown:
            return
        self._shown = (title, *rows)
        self._title.setText(title)
        self._nothing.setVisible(not rows)
        while len(self._lines) < len(rows):
            self._add_line()
        for at, line in enumerate(self._lines):
            line.set_visible(visible=at < len(rows))
            if at < len(rows):
                line.show(rows[at], f"{rows[at].instance}: " if names_instances else "")

    def _add_line(self) -> None:
        line = _Line(
            Label("", "small", "text_muted"),
            StatusLamp("unknown", 12),
            Label("", "body", "text_secondary", wrap=True, selectable=True),
        )
        at = len(self._lines)
        line.lamp.setContentsMargins(0, 0, 0, 0)
        self._grid.addWidget(line.ago, at, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(line.lamp, at, 1, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(line.text, at, 2)
        self._lines.append(line)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
