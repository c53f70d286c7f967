"""The strip at the bottom: what happened of late, one line a chain of consequences, the newest at the bottom; older ones are
reached by scrolling. A click on an entry narrows every panel to it and to what came of it, until it is cleared.
"""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.core import figures
from app.core.focus import Focus
from app.core.language import tr
from app.frame.chain_lines import LINE, ChainLines
from app.frame.chains import Chain
from app.qt.theme import theme
from app.widgets.chip import Chip
from app.widgets.label import ElidedLabel, Label

LINES: Final = 3
SHORT_LINES: Final = 1
_HEAD: Final = 32


class Timeline(QFrame):
    """`entry_chosen(id)` when an entry is clicked; `cleared` when all is to be shown again."""

    entry_chosen = Signal(str)
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setFixedHeight(theme().size.timeline)
        self._count = Label("", "body", "text_muted")
        self._hint = ElidedLabel("", "body", "text_muted")
        self._chip = Chip("", "accent", "filter", closable=True)
        self._chip.setObjectName("timelineFocus")
        self.lines = ChainLines()
        self._scroll = QScrollArea()
        self._build_ui()
        self.lines.entry_clicked.connect(self.entry_chosen)
        self.lines.cleared.connect(self.cleared)
        self.lines.reached.connect(lambda top: self._scroll.ensureVisible(0, top + LINE // 2, 0, LINE // 2))
        self._chip.closed.connect(self.cleared)
        self.show_chains((), 0)
        self.show_focus(None, "")

    def _build_ui(self) -> None:
        head = QWidget()
        head.setFixedHeight(_HEAD)
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(12)
        row.addWidget(Label(tr("Timeline"), "strong"))
        row.addWidget(self._count)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._hint, 1)
        row.addWidget(self._chip)
        self._scroll.setObjectName("timelineScroll")
        self._scroll.setWidget(self.lines)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setFixedHeight(LINES * LINE)
        self._scroll.verticalScrollBar().setSingleStep(LINE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addWidget(self._scroll)
        layout.addStretch(1)

    def show_chains(self, chains: Sequence[Chain], total: int) -> None:
        """The newest last. `total` counts all entries so far."""
        if not chains:
            self._count.setText(tr("What causes what will be listed here"))
        elif len(chains) == 1:
            self._count.setText(tr("1 chain of {n} events", n=figures.count(total)))
        else:
            words = tr(
                "{chains} chains of {n} events", chains=figures.count(len(chains)), n=figures.count(total)
            )
            self._count.setText(words)
        above = self._above(chains)
        self.lines.show_chains(chains)
        self._scroll_to(above)
        self._show_hint()

    def _above(self, chains: Sequence[Chain]) -> int:
        """How many lines are to be above those in sight: the newest are in sight, unless older ones are read or were chosen:
        these stay where they are when others come."""
        shown, last = self.lines.chains, len(chains)
        top = self._scroll.verticalScrollBar().value() // LINE
        is_at_end = top >= len(shown) - self._scroll.height() // LINE
        if not shown or (is_at_end and not self._chip.isVisibleTo(self)):
            return last
        looked_at = shown[min(top, len(shown) - 1)].id
        return next((at for at, chain in enumerate(chains) if chain.id == looked_at), last)

    def _scroll_to(self, above: int) -> None:
        bar = self._scroll.verticalScrollBar()
        bar.setMaximum(max(0, len(self.lines.chains) * LINE - self._scroll.height()))
        bar.setValue(above * LINE)

    def show_focus(self, focus: Focus | None, entry: str) -> None:
        """`entry` is the id of what the window is narrowed to."""
        self.lines.set_chosen(entry)
        self._chip.setVisible(focus is not None)
        self._show_hint()
        if focus is not None:
            self._chip.set_text(tr("Panels show only what followed “{what}” · Esc clears", what=focus.label))

    def _show_hint(self) -> None:
        wanted = bool(self.lines.chains) and not self._chip.isVisibleTo(self)
        self._hint.setText(tr("Click an entry to filter every panel; click again to clear") if wanted else "")

    def set_short(self, *, is_short: bool) -> None:
        """Where height is scarce, one chain at a time."""
        shown = SHORT_LINES if is_short else LINES
        if shown * LINE == self._scroll.height():
            return
        above = self._above(self.lines.chains)
        self.setFixedHeight(theme().size.timeline - (LINES - shown) * LINE)
        self._scroll.setFixedHeight(shown * LINE)
        self._scroll_to(above)
