"""The dead letters, grouped by what went wrong, with what can be done about them."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.core import figures
from app.core.language import tr
from app.core.messages import UserMessage
from app.panels.events.dead_block import DeadBlock
from app.panels.events.dead_groups import SHOWN, DeadGroup, Key, Progress
from app.panels.events.progress_line import ProgressLine
from app.qt.theme import theme
from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.label import ElidedLabel, Label
from app.widgets.notice import Notice


class DeadPane(QWidget):
    """`asked(DeadGroup, key)` of a group, `all_asked("replay" | "stop")` of all, `letter_selected(DeadLetter)`,
    `break_requested(BreakSubject, QRect)` for the queue of a group."""

    asked = Signal(object, str)
    all_asked = Signal(str)
    break_requested = Signal(object, object)
    letter_selected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._blocks: list[DeadBlock] = []
        self._chip = Chip("", "bad", "close")
        self._told = ElidedLabel("", "small", "text_muted")
        self._all = Button(tr("Replay all"))
        self._stop = Button(tr("Cancel"))
        self._line = ProgressLine()
        self._words = Label("", "small", "text_secondary")
        self.notice = Notice("bad")
        self._rule = Label("", "small", "text_muted", wrap=True)
        self._none = Label("", "small", "text_muted", wrap=True)
        self._more = Label("", "small", "text_muted")
        self._column = QVBoxLayout()
        self._build_ui()
        self._all.clicked.connect(lambda: self.all_asked.emit("replay"))
        self._stop.clicked.connect(lambda: self.all_asked.emit("stop"))
        self.show_groups([], {}, None, 0)

    def _build_ui(self) -> None:
        self._messages = QWidget()
        inner = QVBoxLayout(self._messages)
        inner.setContentsMargins(16, 8, 16, 0)
        inner.addWidget(self.notice)
        self._messages.setVisible(False)
        self.notice.closed.connect(lambda: self._messages.setVisible(False))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._build_bar())
        column.addWidget(self._messages)
        column.addWidget(self._build_list(), 1)

    def _build_bar(self) -> QWidget:
        self._chip.setObjectName("deadCount")
        self._all.setObjectName("replayAll")
        self._stop.setObjectName("stopAll")
        bar = QFrame()
        bar.setProperty("region", "bar")
        bar.setFixedHeight(theme().size.row_group)
        line = QHBoxLayout(bar)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        self._line.setMinimumWidth(48)
        line.addWidget(Label(tr("Dead letters"), "section"))
        line.addWidget(self._chip)
        line.addWidget(self._told, 1)
        line.addWidget(self._line)
        line.addWidget(self._words)
        line.addWidget(self._all)
        line.addWidget(self._stop)
        return bar

    def _build_list(self) -> QWidget:
        self._rule.setContentsMargins(16, 8, 16, 4)
        self._none.setContentsMargins(24, 24, 24, 24)
        self._none.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._more.setContentsMargins(40, 8, 16, 8)
        self._rule.setText(tr("A replay goes to the queue that failed, unless you choose otherwise."))
        holder = QWidget()
        holder.setLayout(self._column)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        for label in (self._rule, self._none, self._more):
            self._column.addWidget(label)
        self._column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(holder)
        return scroll

    def show_failure(self, message: UserMessage) -> None:
        self.notice.show_message(message)
        self._messages.setVisible(True)

    def show_groups(
        self,
        groups: Sequence[DeadGroup],
        progress: Mapping[Key, Progress],
        whole: Progress | None,
        total: int,
        *,
        selected: str = "",
        can_act: bool = True,
    ) -> None:
        """`whole` is a replay that no group was asked for; `total` are all that lie in the queues."""
        held = sum(len(group.letters) for group in groups)
        busy = any(one.is_running for one in progress.values()) or (whole is not None and whole.is_running)
        self._show_head(held, max(held, total), len(groups))
        self._show_whole(whole, can_act=can_act and not busy, held=held)
        while len(self._blocks) < min(len(groups), SHOWN):
            block = DeadBlock()
            block.asked.connect(self.asked)
            block.letter_selected.connect(self.letter_selected)
            block.break_requested.connect(self.break_requested)
            self._column.insertWidget(1 + len(self._blocks), block)
            self._blocks.append(block)
        for at, block in enumerate(self._blocks):
            block.setVisible(at < len(groups))
            if at < len(groups):
                one = progress.get(groups[at].key)
                block.show_group(groups[at], one, selected=selected, can_act=can_act and not busy)
        self._rule.setVisible(bool(groups))
        self._none.setVisible(not groups)
        self._none.setText(
            tr("{n} lie in the queues and are being fetched.", n=figures.count(total))
            if total
            else tr("None. What no attempt succeeds with would lie here, with its reasons, to be sent again.")
        )
        self._more.setVisible(len(groups) > SHOWN)
        self._more.setText(tr("and {n} more groups", n=len(groups) - SHOWN))

    def _show_head(self, held: int, total: int, groups: int) -> None:
        self._chip.setVisible(total > 0)
        self._chip.set_text(figures.count(total))
        if held < total:
            text = tr("the newest {n} are shown", n=figures.count(held))
        else:
            text = (tr("one reason") if groups == 1 else tr("{n} reasons", n=groups)) if groups else ""
        self._told.setText(text)

    def _show_whole(self, whole: Progress | None, *, can_act: bool, held: int) -> None:
        running = whole is not None and whole.is_running
        for widget in (self._line, self._words, self._stop):
            widget.setVisible(running)
        self._all.setVisible(not running and held > 0)
        self._all.setText(tr("Replay all {n}", n=figures.count(held)))
        self._all.setEnabled(can_act)
        if whole is not None and running:
            self._line.set_share(whole.share, whole.words)
            self._words.setText(whole.words)

    @property
    def blocks(self) -> list[DeadBlock]:
        """Those that are shown."""
        return [block for block in self._blocks if block.isVisibleTo(self)]
