"""An entry of the timeline in the inspector: what it says, when, because of what, what came of it, and in which requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from app.core import figures
from app.core.breaking import subject_of_entry
from app.core.language import tr
from app.frame import entry_words
from app.frame.chains import TimelineEntries
from app.qt.theme import theme
from app.widgets.break_action import BreakLink
from app.widgets.button import Button
from app.widgets.copyable_id import shortened
from app.widgets.fact_list import Fact, FactList
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label
from embedded_services.contracts.timeline import TimelineEntry

MOST: Final = 12
"""Causes and effects that are listed."""
SERVICES: Final = "services"
LOGS: Final = "logs"
SAGAS: Final = "sagas"
EVENTS: Final = "events"
GATEWAY: Final = "gateway"
FAULTS: Final = "faults"


@dataclass(frozen=True)
class _Link:
    when: str
    text: str
    icon: str
    target: str


class _Links(QWidget):
    """Lines that lead somewhere: `clicked(target)`."""

    clicked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._lines: list[tuple[Label, Button]] = []
        self._shown: Sequence[_Link] = ()

    def show_links(self, links: Sequence[_Link]) -> None:
        if links == self._shown:
            return
        self._shown = links
        while len(self._lines) < len(links):
            self._add_line()
        for at, (when, button) in enumerate(self._lines):
            when.setVisible(at < len(links))
            button.setVisible(at < len(links))
            if at < len(links):
                when.setText(links[at].when)
                button.setText(links[at].text)
                button.setIcon(theme().icon(links[at].icon or "history", "text_muted"))

    def _add_line(self) -> None:
        at = len(self._lines)
        when, button = Label("", "small", "text_muted"), Button("", kind="link")
        button.clicked.connect(partial(self._on_clicked, at))
        self._grid.addWidget(when, at, 0)
        self._grid.addWidget(button, at, 1, Qt.AlignmentFlag.AlignLeft)
        self._lines.append((when, button))

    def _on_clicked(self, at: int, _checked: bool = False) -> None:
        self.clicked.emit(self._shown[at].target)


class EntryPage(InspectorPage):
    """`entry_requested(id)` for a cause or effect, `opened(panel, argument)` for what lies in a panel."""

    entry_requested = Signal(str)
    opened = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timelineEntryPage")
        self._entry: TimelineEntry | None = None
        self._text = self.add_section("", Label("", "body", wrap=True, selectable=True))
        self._causes = self.add_section(tr("Because of"), _Links())
        self._effects = self.add_section(tr("What came of it"), _Links())
        self.break_it = BreakLink()
        self._facts = self.add_section(tr("Facts"), FactList(), aside=self.break_it)
        self._requests = self.add_section(tr("Requests in which it was seen"), _Links())
        self._panels = {
            SERVICES: Button(tr("Services")),
            LOGS: Button(tr("Logs")),
            SAGAS: Button(tr("Saga")),
            EVENTS: Button(tr("Events")),
            FAULTS: Button(tr("Fault")),
        }
        for key, button in self._panels.items():
            button.setObjectName(f"open-{key}")
            button.clicked.connect(partial(self._open, key))
        self.set_actions(list(self._panels.values()))
        self._causes.clicked.connect(self.entry_requested)
        self._effects.clicked.connect(self.entry_requested)
        self._requests.clicked.connect(lambda trace: self.opened.emit(GATEWAY, trace))

    @property
    def entry(self) -> TimelineEntry | None:
        return self._entry

    def show_entry(self, entry: TimelineEntry, entries: TimelineEntries) -> None:
        self._entry = entry
        self.set_subject(entry_words.kind_word(entry), entry_words.alone(entry))
        self._text.setText(entry.text)
        causes, effects = entries.causes(entry), entries.direct_effects(entry)
        self._causes.show_links([_link(one) for one in causes[:MOST]])
        self._effects.show_links([_link(one) for one in effects[-MOST:]])
        traces = [_Link("", shortened(trace), "link", trace) for trace in reversed(entry.traces)]
        self._requests.show_links(traces)
        self._facts.set_facts(_facts(entry))
        self.break_it.set_subject(subject_of_entry(entry.subject))
        for widget, is_shown in (
            (self._text, entry.text != entry_words.alone(entry)),
            (self._causes, bool(causes)),
            (self._effects, bool(effects)),
            (self._requests, bool(traces)),
        ):
            frame = widget.parentWidget()
            if frame is not None:
                frame.setVisible(is_shown)
        for key, button in self._panels.items():
            button.setEnabled(_argument(entry, key) is not None)

    def _open(self, key: str, _checked: bool = False) -> None:
        if self._entry is not None and (argument := _argument(self._entry, key)) is not None:
            self.opened.emit(key, argument)


def _argument(entry: TimelineEntry, panel: str) -> object:
    """What to open the panel at; None if it has nothing of it."""
    subject = entry.subject
    match panel:
        case "services":
            return subject.instance or subject.service
        case "logs":
            place = subject.instance or subject.process
            return (place, entry.at - 1.0) if place else None
        case "sagas":
            return subject.saga
        case "events":
            return entry.traces[-1] if subject.queue and entry.traces else subject.event
        case "faults":
            return subject.fault
        case _:
            return None


def _link(entry: TimelineEntry) -> _Link:
    words = entry_words.alone(entry)
    return _Link(figures.clock_time(entry.at), words, entry_words.icon_of(entry), entry.id)


def _facts(entry: TimelineEntry) -> list[Fact]:
    subject = entry.subject
    named = (
        (tr("Began"), figures.moment(entry.at)),
        (tr("Last seen"), figures.precise_time(entry.until) if entry.until else None),
        (tr("How often"), figures.count(entry.count) if entry.count > 1 else None),
        (tr("Service"), subject.service),
        (tr("Instance"), subject.instance),
        (tr("Process"), subject.process),
        (tr("Route"), subject.route),
        (tr("Queue"), subject.queue),
        (tr("Event"), subject.event),
        (tr("Saga"), subject.saga),
        (tr("Step"), subject.step),
        (tr("Fault"), subject.fault),
    )
    return [Fact(name, value) for name, value in named if value]
