"""The bar above the log: what is shown of how many, and what narrows it."""

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QWidget

from app.core.language import tr
from app.panels.logs.log_book import Account, LogFilter
from app.qt.tokens import Tone
from app.widgets.chip import Chip
from app.widgets.filter_field import FilterField
from app.widgets.label import ElidedLabel
from app.widgets.segmented_toggle import SegmentedToggle

_HEIGHT = 44


class FilterBar(QFrame):
    """`filter_changed(LogFilter)` when the user changes one of the three; `set_filter` shows one and tells nobody."""

    filter_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self.setFixedHeight(_HEIGHT)
        self._chip = Chip("", "ok")
        self._aside = ElidedLabel("", "body", "text_muted")
        self._level = SegmentedToggle(tr("Least level"), _levels())
        self._process = QComboBox()
        self._text = FilterField(tr("text, logger, traceback"), 200)
        self._build_ui()
        self._level.choice_requested.connect(self._tell)
        self._process.activated.connect(self._tell)
        self._text.filter_changed.connect(self._tell)

    def _build_ui(self) -> None:
        self._chip.setObjectName("count")
        self._level.setObjectName("level")
        self._process.setObjectName("process")
        self._text.setObjectName("filter")
        self._process.setAccessibleName(tr("Process"))
        self._process.addItem(tr("All processes"), "")
        self._process.setMinimumWidth(124)
        self._process.setMaximumWidth(160)
        self._text.setMinimumWidth(96)
        self._process.setMaxVisibleItems(20)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(self._chip)
        line.addWidget(self._aside, 1)
        for widget in (self._level, self._process, self._text):
            line.addWidget(widget)
        line.setStretchFactor(self._text, 1)

    # --- the filter -----------------------------------------------------------------------------------------------

    @property
    def filter(self) -> LogFilter:
        return LogFilter(self._level.choice, str(self._process.currentData() or ""), self._text.text())

    def set_filter(self, wanted: LogFilter) -> None:
        self._level.set_choice(wanted.level)
        self.add_processes([wanted.process])
        self._process.setCurrentIndex(self._process.findData(wanted.process))
        self._text.blockSignals(True)
        self._text.setText(wanted.text)
        self._text.blockSignals(False)

    def focus_text(self) -> None:
        self._text.setFocus()
        self._text.selectAll()

    def add_processes(self, names: Iterable[str]) -> None:
        """Offer these too, in order of the alphabet."""
        for name in names:
            if self._process.findData(name) < 0:
                known = [self._process.itemText(at) for at in range(1, self._process.count())]
                self._process.insertItem(1 + sum(other < name for other in known), name, name)

    def _tell(self, *_: object) -> None:
        self.filter_changed.emit(self.filter)

    # --- the account ----------------------------------------------------------------------------------------------

    def show_account(self, account: Account, shown: int) -> None:
        """`shown 37 of 12,345`, and beside it where the others are."""
        whole = shown == account.total
        tone: Tone = "ok" if whole else "warn" if account.skipped else "accent"
        self._chip.set_text(tr("shown {shown:,} of {total:,}", shown=shown, total=account.total), tone)
        self._aside.setText(_elsewhere(account, whole=whole))


def _levels() -> dict[str, str]:
    return {"DEBUG": tr("All"), "INFO": tr("Info"), "WARNING": tr("Warnings"), "ERROR": tr("Errors")}


def _elsewhere(account: Account, *, whole: bool) -> str:
    parts = []
    if account.skipped:
        parts.append(tr("{n:,} skipped", n=account.skipped))
    if account.awaited:
        parts.append(tr("{n:,} on their way", n=account.awaited))
    if account.older:
        parts.append(tr("{n:,} older, not kept", n=account.older))
    if parts:
        return " · ".join(parts)
    return tr("none skipped, none hidden") if whole else tr("none skipped")
