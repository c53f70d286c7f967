"""The events by their number: a bounded part of them here, the whole of them in the history of the control plane. Pure.

Numbers run from `first` (the oldest that is kept) to `last` and stand for one row each, so that a list covers all there
is. Pages that were looked at are held, the ones looked at last; of those that are not, `wanted` names the page to ask
for. A number that the history does not have is lost, and counted as such.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.panels.events.event_rows import KEPT_BODY, EventRow, row_of
from embedded_services.contracts.events import Seen

PAGE: Final = 100
PAGES: Final = 200
"""So at most 20,000 events are held."""


@dataclass(frozen=True)
class Span:
    """Numbers from `first` to `last`, both included."""

    first: int
    last: int


class _Page:
    """`asked_to` is the highest number of which it is known whether there is such an event."""

    __slots__ = ("asked_to", "rows")

    def __init__(self) -> None:
        self.rows: dict[int, EventRow | Seen] = {}
        self.asked_to = 0


class EventBook:
    def __init__(self, pages: int = PAGES) -> None:
        self._most = pages
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        self.first = 1
        self.last = 0
        self.lost = 0
        """Of the numbers from `first` to `last`, how many have no event that is kept."""
        self.is_bounded = False
        """Whether the history has said what it holds; until then `first` is the first one seen."""

    @property
    def total(self) -> int:
        """All numbers there are."""
        return self.last - self.first + 1

    @property
    def kept(self) -> int:
        return max(0, self.total - self.lost)

    # --- what comes -----------------------------------------------------------------------------------------------

    def take(self, events: Sequence[Seen]) -> None:
        """Events of the stream, in order."""
        for seen in events:
            self._page(seen.seq).rows[seen.seq] = _held(seen)
        if events:
            if not self.last and not self.is_bounded:
                self.first = events[0].seq
            self.last = max(self.last, events[-1].seq)
        self._shrink()

    def fill(self, span: Span, events: Iterable[Seen]) -> None:
        """The history's answer to `span`: what is not among `events` it does not have."""
        page = self._page(span.first)
        page.rows.update({seen.seq: _held(seen) for seen in events})
        page.asked_to = max(page.asked_to, span.last)
        self._shrink()

    def bound(self, first: int, last: int, dropped: int) -> None:
        """What the history said of itself: its oldest and newest number, and how many are not in it."""
        self.first, self.last = max(1, first), max(self.last, last)
        self.lost = max(0, dropped - (self.first - 1))
        self.is_bounded = True

    def clear(self) -> None:
        self._pages.clear()
        self.first, self.last, self.lost = 1, 0, 0
        self.is_bounded = False

    # --- what is asked --------------------------------------------------------------------------------------------

    def get(self, seq: int) -> EventRow | None:
        page = self._pages.get(seq // PAGE)
        if page is None:
            return None
        held = page.rows.get(seq)
        if not isinstance(held, Seen):
            return held
        row = page.rows[seq] = row_of(held)
        return row

    def is_lost(self, seq: int) -> bool:
        """Whether it is known that nobody has the event with that number."""
        page = self._pages.get(seq // PAGE)
        return page is not None and seq <= page.asked_to and seq not in page.rows

    def wanted(self, span: Span) -> Span | None:
        """What to ask the history for so that `span` can be shown, the newest first; None when all of it is here."""
        newest, oldest = min(span.last, self.last) // PAGE, max(span.first, self.first) // PAGE
        for number in range(newest, oldest - 1, -1):
            first, last = max(number * PAGE, self.first), min(number * PAGE + PAGE - 1, self.last)
            page = self._pages.get(number)
            if page is None:
                return Span(first, last)
            self._pages.move_to_end(number)
            low = max(first, page.asked_to + 1)
            if any(seq not in page.rows for seq in range(low, last + 1)):
                return Span(first, last)
        return None

    # --- inside ---------------------------------------------------------------------------------------------------

    def _page(self, seq: int) -> _Page:
        number = seq // PAGE
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = _Page()
        else:
            self._pages.move_to_end(number)
        return page

    def _shrink(self) -> None:
        while len(self._pages) > self._most:
            self._pages.popitem(last=False)


def _held(seen: Seen) -> EventRow | Seen:
    """A row is made when it is looked at first; but of what is large, no more than a row is held."""
    return seen if len(seen.body) <= KEPT_BODY else row_of(seen)
