"""The bar above the events: how many are shown of how many, where the others are, and what narrows the list."""

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLineEdit, QWidget

from app.core import figures
from app.core.language import tr
from app.panels.events.event_filter import EventFilter, is_pattern
from app.qt.theme import theme
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.filter_field import FilterField
from app.widgets.label import ElidedLabel

_HEIGHT = 44
_PAUSE_MS = 200


@dataclass(frozen=True)
class Loss:
    """What is not in the list: numbers `lost` for good, `gaps` of unknown size (the last until `gap_at`), and `older`
    ones that are kept no more.
    """

    lost: int = 0
    gaps: int = 0
    gap_at: float | None = None
    older: int = 0


class EventsBar(QFrame):
    """`filter_changed(EventFilter)` once the typing pauses."""

    filter_changed = Signal(object)
    pause_requested = Signal()
    publish_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("region", "bar")
        self.setFixedHeight(_HEIGHT)
        self._chip = Chip("", "ok", "check")
        self._aside = ElidedLabel("", "body", "text_muted")
        self._types = QComboBox()
        self._type = QLineEdit()
        self.field = FilterField(tr("text, id or trace"), 180)
        self._follow = Button("", "pause")
        self._publish = Button(tr("Publish…"), "plus")
        self._told = EventFilter()
        self._last_at_pause = 0
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self._build_ui()
        self._connect()

    def _build_ui(self) -> None:
        for widget, name in (
            (self._chip, "count"), (self._types, "types"), (self._type, "type"), (self.field, "eventFilter"),
            (self._follow, "pauseEvents"), (self._publish, "publish"),
        ):  # fmt: skip
            widget.setObjectName(name)
        self._type.setProperty("frameless", "true")
        self._type.setFont(theme().font("body"))
        self._type.setMaxLength(200)
        self._types.setEditable(True)
        self._types.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._types.setLineEdit(self._type)
        self._types.setFixedWidth(140)
        self._types.setMaxVisibleItems(20)
        self._types.setAccessibleName(tr("Type of events"))
        self._type.setAccessibleName(tr("Type of events"))
        self._type.setPlaceholderText(tr("All types"))
        self._types.setToolTip(
            tr("A type, or a pattern: * is one word, # any number of them. order.*, #.failed")
        )
        self.field.setMinimumWidth(112)
        self.field.setMaximumWidth(200)
        self._publish.setToolTip(tr("Write an event and publish it (Ctrl+N)"))
        self._types.addItem("")
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(self._chip)
        line.addWidget(self._aside, 1)
        for widget in (self._types, self.field, self._follow, self._publish):
            line.addWidget(widget)
        line.setStretchFactor(self.field, 1)

    def _connect(self) -> None:
        self.field.filter_changed.connect(lambda _: self._tell())
        self._type.textEdited.connect(lambda _: self._pause.start())
        self._type.returnPressed.connect(self._tell)
        self._types.activated.connect(lambda _: self._tell())
        self._follow.clicked.connect(self.pause_requested)
        self._publish.clicked.connect(self.publish_requested)

    # --- the filter -----------------------------------------------------------------------------------------------

    @property
    def filter(self) -> EventFilter:
        return EventFilter(self._type.text().strip(), self.field.text())

    def set_filter(self, wanted: EventFilter) -> None:
        """As if the user had written it."""
        self._type.setText(wanted.type)
        self.field.setText(wanted.text)
        self._tell()

    def offer(self, types: Iterable[str]) -> None:
        """Let these be chosen, families first."""
        known = sorted(set(types))
        families = sorted({f"{known_type.partition('.')[0]}.*" for known_type in known})
        wanted = ["", *families, *known]
        shown = [self._types.itemText(at) for at in range(self._types.count())]
        if wanted != shown:
            text, place = self._type.text(), self._type.cursorPosition()
            self._types.blockSignals(True)
            self._types.clear()
            for item in wanted:
                self._types.addItem(item)
            self._types.setItemData(0, tr("All types"), Qt.ItemDataRole.ToolTipRole)
            self._types.blockSignals(False)
            self._type.setText(text)
            self._type.setCursorPosition(place)

    def _tell(self) -> None:
        self._pause.stop()
        wanted = self.filter
        is_valid = is_pattern(wanted.type)
        self._types.setProperty("invalid", None if is_valid else "true")
        self._types.style().polish(self._types)
        if is_valid and wanted != self._told:
            self._told = wanted
            self.filter_changed.emit(wanted)

    # --- the count ------------------------------------------------------------------------------------------------

    def set_searching(self, searching: bool) -> None:
        if searching:
            self._chip.set_text(tr("searching…"), "accent", "search")

    def show_count(self, shown: int, total: int, loss: Loss, *, following: bool, filtered: bool) -> None:
        """`shown 1,000 of 1,240 · paused`, and beside it where the others are."""
        text = tr("shown {shown:,} of {total:,}", shown=shown, total=total)
        tone: Tone = "warn" if loss.lost or loss.gaps else "ok"
        icon = "warning" if tone == "warn" else "check"
        if not following or filtered:
            tone, icon = ("warn" if tone == "warn" else "accent"), "filter" if filtered else "pause"
        if not following:
            text = tr("{text} · paused", text=text)
        self._chip.set_text(text, tone, icon)
        self._aside.setText(_elsewhere(loss, whole=shown == total))

    @property
    def count(self) -> str:
        return self._chip.text

    @property
    def aside(self) -> str:
        return self._aside.text()

    def show_following(self, last: int, *, following: bool) -> None:
        """`last` is the newest number: while it stands still, what came since is counted."""
        if following:
            self._last_at_pause = last
        news = max(0, last - self._last_at_pause)
        waiting = tr("Follow · {n} new", n=figures.count(news)) if news else tr("Follow")
        self._follow.setText(tr("Pause") if following else waiting)
        self._follow.set_icon("pause" if following else "follow")
        self._follow.setMinimumWidth(max(88, self._follow.sizeHint().width()))
        self._follow.setToolTip(tr("Stand still, and go on counting") if following else tr("Show the newest"))


def _elsewhere(loss: Loss, *, whole: bool) -> str:
    parts = []
    if loss.lost:
        parts.append(tr("{n:,} lost by the tap", n=loss.lost))
    if loss.gaps and loss.gap_at is not None:
        at = figures.clock_time(loss.gap_at)
        one = tr("away once until {time}: nobody could count", time=at)
        parts.append(one if loss.gaps == 1 else tr("away {n} times, last until {time}", n=loss.gaps, time=at))
    if loss.older:
        parts.append(tr("{n:,} older, no longer kept", n=loss.older))
    if parts:
        return " · ".join(parts)
    return tr("none skipped, none hidden") if whole else tr("none skipped")
