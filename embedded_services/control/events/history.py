"""Every event that passes gets a number, is shown, and is written to the history in batches.

What comes faster than the disk takes it, or what the disk refuses, is still shown and counts as dropped from the history.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.ring import Ring
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import EventPage, EventQuery, Seen
from embedded_services.control.events.store import EventStore, HistoryError

SHOWN: Final = 5_000
"""In memory, for who follows the stream."""
STREAMED: Final = 4 * 1024
"""Letters of each body there: of all that are shown these are 20 MB, here and in whatever follows. The files have the rest."""
BATCH_S: Final = 0.25
MAX_WAITING: Final = 32 * 1024 * 1024
"""Letters of bodies that wait for the disk."""
MAX_PAGE: Final = 4 * 1024 * 1024
"""Letters of bodies on a page."""

log = logging.getLogger(__name__)


class History:
    """`total` counts what passed in this run, `dropped` what of it is in no history."""

    def __init__(self, folder: Path, clock: Clock, changed: Callable[[], None]) -> None:
        """`changed` hears of each event; cheap."""
        self._folder = folder
        self._clock = clock
        self._changed = changed
        self._store: EventStore | None = None
        self._waiting: list[Seen] = []
        self._size = 0
        self._wake = asyncio.Event()
        self._last = 0
        self._writing = asyncio.Lock()
        self.ring: Ring[Seen] = Ring(SHOWN)
        self.total = 0
        self.dropped = 0
        self._problem = ""

    async def open(self) -> None:
        """Before anything is taken in. A folder that cannot be used is told in the log, and events are shown only."""
        try:
            self._store = await asyncio.to_thread(EventStore, self._folder)
        except HistoryError as error:
            self._problem = str(error)
            log.error("the history of events in %s cannot be used: %s", self._folder, error)
        else:
            self._last = self._store.last_seq

    @property
    def next_seq(self) -> int:
        return self._last + 1

    def take(self, event: Seen) -> None:
        """`event` has the next number."""
        self._last = event.seq
        self.total += 1
        self.ring.append(_brief(event))
        if self._size < MAX_WAITING and self._store is not None:
            self._waiting.append(event)
            self._size += len(event.body)
            self._wake.set()
        else:
            self.dropped += 1
        self._changed()

    def pass_over(self, count: int) -> None:
        """So many events passed that nobody could read. They use up numbers."""
        if count > 0:
            self._last += count
            self.total += count
            self.dropped += count
            self.ring.pass_over(count)
            self._changed()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._wake.wait()
            await self._clock.sleep(BATCH_S)
            self._wake.clear()
            await self._write()

    async def close(self) -> None:
        """Write what is left."""
        await self._write()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)
            self._store = None

    async def search(self, query: EventQuery) -> EventPage:
        """Also of what came this moment. Raises SERVICE_UNAVAILABLE when there is no history."""
        if self._store is None:
            raise ApiError("SERVICE_UNAVAILABLE", f"the history of events cannot be used: {self._problem}")
        await self._write()
        try:
            page = await asyncio.to_thread(self._store.search, query)
        except HistoryError as error:
            raise ApiError("SERVICE_UNAVAILABLE", f"the history of events cannot be read: {error}") from error
        return _bounded(page)

    async def _write(self) -> None:
        async with self._writing:
            if self._store is not None and (events := self._taken()):
                await asyncio.to_thread(self._append, self._store, events)

    def _taken(self) -> list[Seen]:
        events, self._waiting = self._waiting, []
        self._size = 0
        return events

    def _append(self, store: EventStore, events: list[Seen]) -> None:
        try:
            store.append(events)
            if self._problem:
                self._problem = ""
                log.warning("the history of events can be written again")
        except HistoryError as error:
            self.dropped += len(events)
            if str(error) != self._problem:
                self._problem = str(error)
                log.error("the history of events cannot be written: %s", error)


def _brief(event: Seen) -> Seen:
    if len(event.body) <= STREAMED:
        return event
    return msgspec.structs.replace(event, body=event.body[:STREAMED])


def _bounded(page: EventPage) -> EventPage:
    """Fewer than were asked for, where they are very large."""
    size = 0
    for at, event in enumerate(page.items):
        size += len(event.body)
        if size > MAX_PAGE and at:
            return msgspec.structs.replace(page, items=page.items[:at])
    return page
