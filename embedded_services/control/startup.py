"""How a start ends: all is healthy, or it is said why not."""

import asyncio
import logging
from collections.abc import Iterable, Iterator

from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Status
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.lifecycle import Entry

START_WITHIN_S = 60.0

log = logging.getLogger(__name__)


class StartError(Exception):
    """The system cannot be started; the message is one line for the user."""


class Startup:
    """`consider` whenever something has changed in `catalogs`. `stop` is the wish to stop, which a failure brings about."""

    def __init__(self, catalogs: Iterable[Catalog], stop: asyncio.Event, tasks: Tasks) -> None:
        self._catalogs = tuple(catalogs)
        self._stop = stop
        self._tasks = tasks
        self._healthy = asyncio.Event()
        self._failure: str | None = None
        self._over = False

    def consider(self) -> None:
        """Once all were healthy at the same time, that holds for the start."""
        entries = list(self._entries())
        if entries and all(entry.status is Status.HEALTHY for entry in entries):
            self._healthy.set()

    def fail(self, reason: str) -> None:
        """A process cannot be had. That ends a start; later it is shown, and the rest goes on."""
        log.error("%s", reason)
        if not self._over and self._failure is None:
            self._failure = reason
            self._stop.set()

    async def until_ready(self, heard: asyncio.Event) -> bool:
        """Wait until all are healthy, and what they tell is `heard`; False when it is stopped before. Raises StartError."""
        stop = self._tasks.start(self._stop.wait(), "wait for stop")
        up = self._tasks.start(self._up(heard), "wait for health")
        await asyncio.wait({stop, up}, timeout=START_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        self._over = True
        if self._failure is not None:
            raise StartError(self._failure)
        if self._stop.is_set():
            return False
        if not up.done():
            raise StartError(f"not all is healthy after {START_WITHIN_S:g} s: {self._laggards()}")
        return True

    async def _up(self, heard: asyncio.Event) -> None:
        await self._healthy.wait()
        await heard.wait()

    def _laggards(self) -> str:
        ill = [entry for entry in self._entries() if entry.status is not Status.HEALTHY]
        return "; ".join(f"{entry.id} is {entry.status.value} ({entry.reason})" for entry in ill)

    def _entries(self) -> Iterator[Entry]:
        for catalog in self._catalogs:
            yield from catalog
