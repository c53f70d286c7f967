"""Fetches from the history what comes into sight, what passes a filter, and the body of an event that is looked at.

One question of each kind at a time: a newer one takes the place of the one before. Nothing is asked while the panel is
hidden or there is no contact.
"""

import logging
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer

from app.core.language import tr
from app.core.messages import UserFacingError
from app.core.session import Port
from app.panels.events.event_book import Span
from app.panels.events.event_filter import EventFilter
from app.panels.events.event_rows import EventRow, row_of
from app.panels.events.events_model import EventsModel
from app.panels.events.events_panel import EventsPanel
from app.qt.tasks import Latest
from app.qt.throttle import Throttle
from embedded_services.client.errors import ControlError
from embedded_services.contracts.events import EventPage, EventQuery

log = logging.getLogger(__name__)

FOUND: Final = 100
"""Matches asked for at once."""
NEAR_END: Final = 30
SPINNER_MS: Final = 150
NEWER_MS: Final = 300
RETRY_MS: Final = 3000
LOOK_MS: Final = 50
HTTP_SERVER_ERROR: Final = 500


class History(QObject):
    def __init__(
        self, panel: EventsPanel, model: EventsModel, port: Port, told: Callable[[], None], parent: QObject
    ) -> None:
        """`told` is called when the history has said what it holds."""
        super().__init__(parent)
        self._panel, self._model, self._port, self._told = panel, model, port, told
        self._paging, self._searching, self._bounding = Latest(self), Latest(self), Latest(self)
        self._paged: Span | None = None
        self._wanted = EventFilter()
        self._asked_to = 0
        self._has_complained = False
        self._spinner = _single_shot(self, SPINNER_MS, lambda: panel.list.set_searching(True))
        self._retry = _single_shot(self, RETRY_MS, self.look)
        self._sight = Throttle(panel, self._fetch, LOOK_MS)
        self._newer = Throttle(panel, self._fetch_newer, NEWER_MS)
        for throttle in (self._sight, self._newer):
            throttle.setParent(self)  # it must not outlive what it calls
        panel.list.moved.connect(self._sight.poke)
        panel.list.followed.connect(self._newer.poke)
        panel.list.filter_changed.connect(self.search)

    # --- what the presenter asks ----------------------------------------------------------------------------------

    def restart(self) -> None:
        """Another system, or the same one anew."""
        for asking in (self._paging, self._searching, self._bounding):
            asking.cancel()
        self._asked_to = 0
        self._retry.stop()

    def look(self) -> None:
        """Other rows may be in sight, newer ones may pass the filter, or a filter is still to be asked for."""
        self._sight.poke()
        if self._wanted.is_active:
            self._newer.poke()

    def measure(self) -> None:
        """Ask what the history holds."""
        if self._port.feed.link.is_live and not self._bounding.is_running:
            self._bounding.spawn(self._measure(), "events held", on_error=self._on_not_measured)

    def search(self, wanted: EventFilter) -> None:
        self._wanted = wanted
        self._searching.cancel()
        if not wanted.is_active:
            self._end_search()
            self._model.show_all()
            self._model.follow(shown=self._panel.list.is_following)
            self._sight.poke()
        elif self._port.feed.link.is_live:
            self._spinner.start()
            self._searching.spawn(self._search(wanted), "search events", on_error=self._on_search_failed)

    async def body_of(self, row: EventRow) -> str:
        """The event's body, as far as it is kept. Raises ControlError, and UserFacingError where it is gone."""
        if row.body:
            return row.body
        page = await self._ask(EventQuery(after=row.seq - 1, before=row.seq + 1, limit=1))
        if not page.items:
            raise UserFacingError(tr("The event is no longer kept."))
        return page.items[0].body

    # --- pages ----------------------------------------------------------------------------------------------------

    def _fetch(self) -> None:
        if not self._port.feed.link.is_live or self._retry.isActive():
            return
        if self._model.filter.is_active:
            self._fetch_older()
            return
        span = self._model.numbers(*self._panel.list.sight())
        wanted = self._model.book.wanted(span) if span is not None else None
        if wanted is None:
            return
        if not self._paging.is_running or wanted != self._paged:
            self._paged = wanted
            self._paging.spawn(self._page(wanted), "fetch events", on_error=self._on_failure)

    async def _page(self, span: Span) -> None:
        query = EventQuery(after=span.first - 1, before=span.last + 1, limit=span.last - span.first + 1)
        page = await self._ask(query)
        self._model.fill(span, page.items)
        self._paged = None
        self._bound(page)
        self._sight.poke()

    async def _measure(self) -> None:
        self._bound(await self._ask(EventQuery(limit=1)))
        self._sight.poke()

    def _bound(self, page: EventPage) -> None:
        self._model.bound(page.first_seq, page.last_seq, page.dropped, shown=self._panel.list.is_following)
        self._told()

    # --- a filter -------------------------------------------------------------------------------------------------

    async def _search(self, wanted: EventFilter) -> None:
        page = await self._ask(_query(wanted))
        self._asked_to = page.last_seq
        self._bound(page)
        self._end_search()
        self._model.show_found(wanted, [row_of(seen) for seen in page.items], page.total)

    def _fetch_older(self) -> None:
        found = self._model.found
        near = self._panel.list.sight(NEAR_END)[1] >= len(found)
        if found and near and self._model.has_older and not self._searching.is_running:
            self._searching.spawn(
                self._older(self._model.filter, found[-1].seq), "older events", on_error=self._on_failure
            )

    async def _older(self, wanted: EventFilter, before: int) -> None:
        page = await self._ask(_query(wanted, before=before))
        self._model.add_older([row_of(seen) for seen in page.items])
        self._sight.poke()

    def _fetch_newer(self) -> None:
        model = self._model
        if not self._port.feed.link.is_live or self._searching.is_running or self._retry.isActive():
            return
        if model.filter != self._wanted:
            self.search(self._wanted)
        elif model.filter.is_active and model.book.last > self._asked_to and self._panel.list.is_following:
            self._searching.spawn(self._newest(model.filter), "newer events", on_error=self._on_failure)

    async def _newest(self, wanted: EventFilter) -> None:
        page = await self._ask(_query(wanted, after=self._asked_to))
        if page.total > len(page.items):
            await self._search(wanted)  # more than one answer holds: begin anew
            return
        self._asked_to = page.last_seq
        self._bound(page)
        self._model.add_newer([row_of(seen) for seen in page.items], page.total)

    def _end_search(self) -> None:
        self._spinner.stop()
        self._panel.list.set_searching(False)

    # --- asking ---------------------------------------------------------------------------------------------------

    async def _ask(self, query: EventQuery) -> EventPage:
        page = await self._port.control().events(query)
        if self._has_complained:
            self._has_complained = False
            self._panel.clear_error()
        return page

    def _on_search_failed(self, error: Exception) -> None:
        """What the control plane will not look for, it is not asked for again."""
        self._end_search()
        if isinstance(error, ControlError) and error.status is not None and error.status < HTTP_SERVER_ERROR:
            self._wanted = self._model.filter
        self._on_failure(error)

    def _on_not_measured(self, error: Exception) -> None:
        """Nobody asked for it: a failure in contact is passed over, it is measured again soon."""
        if isinstance(error, ControlError) and error.status is None:
            log.info("what the history of events holds could not be asked: %s", error)
        else:
            self._on_failure(error)

    def _on_failure(self, error: Exception) -> None:
        """It is tried again later; lost contact tells of itself."""
        self._paged = None
        self._retry.start()
        if self._port.feed.link.is_live:
            self._has_complained = True
            self._panel.show_failure(error)


def _query(wanted: EventFilter, *, after: int = 0, before: int = 0) -> EventQuery:
    return EventQuery(
        after=after, before=before, limit=FOUND, type=wanted.type, q=wanted.q, trace=wanted.trace
    )


def _single_shot(parent: QObject, interval_ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    return timer
