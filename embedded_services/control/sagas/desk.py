"""The control plane's side of the sagas, put together: asking the orchestrator, what the stream tells, and the ledger."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.control.sagas.asking import Asking
from embedded_services.control.sagas.ledger_keeper import LedgerKeeper
from embedded_services.control.sagas.orchestration import Orchestration
from embedded_services.control.sagas.saga_book import SagaBook
from embedded_services.registry.catalog import Catalog

REFRESH_S: Final = 1.0
"""How long what was not told may be shown as it was; and how often it is asked for at most."""

log = logging.getLogger(__name__)


class SagaDesk:
    """Works while `serving`."""

    def __init__(
        self,
        processes: Catalog,
        instances: Catalog,
        clock: Clock,
        changed: Callable[..., None],
        is_followed: Callable[[str], bool],
    ) -> None:
        """`changed` hears the names of the stream's topics; `is_followed` says whether somebody follows one."""
        self._clock = clock
        self._asking = Asking()
        self.orchestration = Orchestration(processes, self._asking)
        self._book = SagaBook(changed)
        self.ledger = LedgerKeeper(
            instances,
            self._asking,
            self.orchestration,
            clock,
            lambda: is_followed("ledger"),
            lambda: changed("ledger"),
        )

    def states(self) -> dict[str, Callable[[], Mapping[str, msgspec.Struct]]]:
        """The state topics of the stream."""
        return {
            "sagas": self._book.rows,
            "saga-counts": self._book.counts,
            "ledger": self.ledger.rows,
        }

    def report(self, child: str, beat: Beat) -> None:
        """What a process said of itself."""
        if beat.handled or beat.outbox is not None or beat.sagas or beat.sagas_missed:
            self.ledger.stir()
        if child == ORCHESTRATOR:
            self._book.report(beat)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with self._asking.open(), Tasks("sagas") as tasks:
            tasks.spawn(self._keep_fresh(), "what was not told")
            tasks.spawn(self.ledger.run(), "ledger")
            yield

    async def _keep_fresh(self) -> None:
        while True:
            if self._book.is_stale:
                try:
                    await self._book.refresh(self.orchestration.page)
                except ApiError as error:
                    log.debug("the sagas could not be asked for: %s", error.message)
            await self._clock.sleep(REFRESH_S)
