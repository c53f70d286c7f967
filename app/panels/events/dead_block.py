"""A group of dead letters: why they failed, what they are, what can be done with them, and each of them when it is open."""

from PySide6.QtCore import QPoint, QRect, QSize, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.core.breaking import BreakSubject, subject_of_queue
from app.core.language import tr
from app.panels.events.dead_groups import DeadGroup, Key, Progress, count_words, queue_word, tries_words, when
from app.panels.events.letter_row import LetterRow
from app.panels.events.progress_line import ProgressLine
from app.panels.events.type_marks import TypeLabel
from app.qt.theme import theme
from app.widgets.break_action import add_break, on_key
from app.widgets.button import Button, IconButton
from app.widgets.label import ElidedLabel, Label

FIRST: int = 8
MORE: int = 40


class DeadBlock(QFrame):
    """`asked(DeadGroup, "replay" | "discard" | "edit" | "stop")`; `letter_selected(DeadLetter)`; `break_requested(BreakSubject,
    QRect)` for the queue that they failed in."""

    asked = Signal(object, str)
    letter_selected = Signal(object)
    break_requested = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "section")
        self._group: DeadGroup | None = None
        self._selected = ""
        self._limit = FIRST
        self._open = IconButton("chevron-right", tr("Show each message"), checkable=True)
        self._reason = ElidedLabel("", "strong")
        self._type = TypeLabel()
        self._about = ElidedLabel("", "small", "text_secondary")
        self._replay = Button(tr("Replay"))
        self._edit = IconButton("edit", tr("Edit the newest one and send it again"), framed=True)
        self._discard = IconButton("trash", tr("Discard…"), framed=True)
        self._line = ProgressLine()
        self._words = Label("", "strong")
        self._stop = Button(tr("Cancel"))
        self._outcome = ElidedLabel("", "small", "warn")
        self._progress = QWidget()
        self._rows: list[LetterRow] = []
        self._letters = QVBoxLayout()
        self._rest = Button("", kind="link")
        self._build_ui()
        self._connect()

    def _build_ui(self) -> None:
        for widget, name in (
            (self._open, "openGroup"), (self._replay, "replayGroup"), (self._edit, "editGroup"),
            (self._discard, "discardGroup"), (self._stop, "stopReplay"), (self._rest, "moreLetters"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._open.setFixedSize(20, 20)
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout(self._progress)
        first.setContentsMargins(12, 0, 16, 0)
        first.setSpacing(6)
        first.addWidget(self._open)
        first.addWidget(self._reason, 1)
        for button in (self._replay, self._edit, self._discard):
            first.addWidget(button)
        second.setContentsMargins(40, 0, 16, 0)
        second.setSpacing(8)
        second.addWidget(self._type)
        second.addWidget(self._about, 1)
        third.setContentsMargins(40, 2, 16, 0)
        third.setSpacing(12)
        third.addWidget(self._line, 1)
        third.addWidget(self._words)
        third.addWidget(self._stop)
        self._outcome.setContentsMargins(40, 0, 16, 0)
        self._rest.setContentsMargins(40, 0, 0, 0)
        self._letters.setContentsMargins(0, 4, 0, 0)
        self._letters.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(2)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self._progress)
        column.addWidget(self._outcome)
        column.addLayout(self._letters)
        column.addWidget(self._rest)

    def _connect(self) -> None:
        self._open.toggled.connect(self._on_open)
        self._rest.clicked.connect(self._on_more)
        on_key(self, self._on_break)
        for button, key in (
            (self._replay, "replay"), (self._edit, "edit"), (self._discard, "discard"), (self._stop, "stop"),
        ):  # fmt: skip
            button.clicked.connect(lambda _=False, key=key: self._ask(key))

    @property
    def key(self) -> Key | None:
        return None if self._group is None else self._group.key

    @property
    def group(self) -> DeadGroup | None:
        return self._group

    def show_group(
        self, group: DeadGroup, progress: Progress | None, *, selected: str, can_act: bool
    ) -> None:
        """`selected` is the id of the letter that is looked at; `can_act` is false while another replay is under way."""
        if self._group is None or self._group.key != group.key:
            self._limit = FIRST
            self._open.setChecked(False)
        self._group, self._selected = group, selected
        self._reason.setText(group.reason or tr("No reason was given"))
        self._type.set_type(group.type or tr("no event"))
        about = (
            count_words(len(group.letters)),
            queue_word(group.queue),
            tries_words(group.tries),
            when(group),
        )
        self._about.setText(" · ".join(part for part in about if part))
        many = len(group.letters) > 1
        self._replay.setText(tr("Replay {n}", n=len(group.letters)) if many else tr("Replay"))
        running = progress is not None and progress.is_running
        for button in (self._replay, self._edit, self._discard):
            button.setEnabled(can_act and not running)
        self._show_progress(progress)
        self._show_letters()

    def _show_progress(self, progress: Progress | None) -> None:
        self._progress.setVisible(progress is not None and progress.is_running)
        self._outcome.setVisible(progress is not None and bool(progress.outcome))
        if progress is not None:
            self._line.set_share(progress.share, progress.words)
            self._words.setText(progress.words)
            self._outcome.setText(progress.outcome)

    def _show_letters(self) -> None:
        letters = self._group.letters[: self._limit] if self._group and self._open.isChecked() else ()
        while len(self._rows) < len(letters):
            row = LetterRow()
            row.chosen.connect(self.letter_selected)
            self._rows.append(row)
            self._letters.addWidget(row)
        for at, row in enumerate(self._rows):
            row.setVisible(at < len(letters))
            if at < len(letters):
                row.show_letter(letters[at], selected=letters[at].id == self._selected)
        left = len(self._group.letters) - len(letters) if self._group and letters else 0
        self._rest.setVisible(left > 0)
        self._rest.setText(tr("{n:,} more", n=left))

    def _on_open(self, is_open: bool) -> None:
        self._open.setIcon(theme().icon("chevron-down" if is_open else "chevron-right"))
        self._show_letters()

    def _on_more(self) -> None:
        self._limit += MORE
        self._show_letters()

    def _subject(self) -> BreakSubject | None:
        return subject_of_queue(self._group.queue) if self._group is not None else None

    def _on_break(self) -> None:
        if (subject := self._subject()) is not None:
            self.break_requested.emit(subject, QRect(self.mapToGlobal(QPoint(0, 0)), self.size()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        subject = self._subject()
        if subject is None:
            return
        menu = QMenu(self)
        menu.setObjectName("letterMenu")
        add_break(menu, subject, QRect(event.globalPos(), QSize(1, 1)), self.break_requested.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def _ask(self, key: str) -> None:
        if self._group is not None:
            self.asked.emit(self._group, key)
