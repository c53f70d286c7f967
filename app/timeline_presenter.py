"""Keeps the strip of the timeline true to the feed, and narrows the panels to the entry that the user chose."""

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject

from app.core.feed import TIMELINE
from app.core.focus import Focus, focus_on
from app.core.session import Port
from app.frame import entry_words
from app.frame.chains import TimelineEntries
from app.frame.entry_page import EntryPage
from app.main_window import MainWindow
from app.qt.throttle import Throttle
from embedded_services.contracts.timeline import TimelineEntry

MORE_MS: Final = 1_000
"""Panels are narrowed anew, to what else came of it, at most so often."""
MOST_TRACES: Final = 500


class TimelinePresenter(QObject):
    """Lives as long as `parent`. What was chosen before the window was built anew is chosen again."""

    def __init__(self, window: MainWindow, port: Port, parent: QObject) -> None:
        super().__init__(parent)
        self._window, self._port = window, port
        self._entries = TimelineEntries()
        self._run, self._taken = -1, 0
        self._chosen = window.focus_entry
        self._page = EntryPage(window.inspector)
        self._label = ""
        """Of what was chosen, as it was then: what counts up would make each panel's chip tick."""
        self._traces: set[str] = set()
        self._strip = Throttle(window, self._show)
        self._more = Throttle(window, self._narrow, MORE_MS)
        leave = [
            port.feed.listen(self._strip.poke, TIMELINE),
            self._strip.deleteLater,
            self._more.deleteLater,
        ]
        self.destroyed.connect(lambda: [end() for end in leave])
        window.timeline.entry_chosen.connect(self._on_chosen)
        window.focus_cleared.connect(self.clear)
        self._page.entry_requested.connect(self.choose)
        self._page.opened.connect(window.open_panel_at)
        self._page.break_it.requested.connect(window.break_requested)
        self._show()
        self._narrow()

    def choose(self, entry: str) -> None:
        """Narrow all panels to it. One that is no longer known is passed over."""
        if self._entries.get(entry) is not None:
            self._chosen, self._label = entry, ""
            self._traces.clear()
            self._narrow()

    def clear(self) -> None:
        self._chosen = ""
        self._narrow()

    def _on_chosen(self, entry: str) -> None:
        """A second click shows all again."""
        if entry == self._chosen:
            self.clear()
        else:
            self.choose(entry)

    def _show(self) -> None:
        tail = self._port.feed.tail(TIMELINE)
        if tail.run != self._run:
            if self._run >= 0:
                self._chosen = ""  # ids of another run name other entries
            self._run, self._taken = tail.run, 0
            self._entries.clear()
        told = tail.after(self._taken)
        if told:
            self._taken = told[-1][0]
            self._entries.take(entry for _, entry in told)
        self._window.timeline.show_chains(self._entries.chains(), self._entries.total)
        if self._chosen:
            self._more.poke()

    def _narrow(self) -> None:
        """To what was chosen, with what came of it by now."""
        entry = self._entries.get(self._chosen) if self._chosen else None
        if entry is None:
            self._chosen = ""
            if self._window.focus_of_panels is not None:
                self._window.focus_on(None)
            return
        self._page.show_entry(entry, self._entries)
        self._window.focus_on(self._focus(entry), entry.id, self._page)

    def _focus(self, entry: TimelineEntry) -> Focus:
        """Entries name the newest requests only: those that were named before still belong."""
        label = self._label or entry_words.alone(entry)
        focus = focus_on(entry, self._entries.effects(entry), label)
        self._traces |= focus.traces
        self._label = label
        return replace(focus, traces=frozenset(sorted(self._traces)[:MOST_TRACES]))
