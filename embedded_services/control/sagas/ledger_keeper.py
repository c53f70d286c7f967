"""Reads the services' books and says whether they fit together: again and again while somebody looks, and when asked."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.ledger import (
    Ledger,
    LedgerItem,
    LedgerLine,
    LineState,
    SagaBook,
)
from embedded_services.contracts.sagas import SagaQuery
from embedded_services.control.sagas.asking import Asking, NoAnswerError
from embedded_services.control.sagas.orchestration import Orchestration
from embedded_services.registry.catalog import Catalog
from embedded_services.sagas.ledger import BOOKS, compare, gathered, orders_in

EVERY_S: Final = 1.5
QUIET_S: Final = 6.0
"""How often is looked while all fits and nothing moves: somebody may have changed a book by hand."""
IDLE_S: Final = 0.25
SHARE: Final = 20
"""A look that takes long is followed by a pause so many times as long."""
BOOK_S: Final = 1.0
TRIED: Final = 2
"""Instances of a service that are asked, one after the other."""
REMEMBERED: Final = 1_000

log = logging.getLogger(__name__)


class LedgerKeeper:
    def __init__(
        self,
        instances: Catalog,
        asking: Asking,
        orchestration: Orchestration,
        clock: Clock,
        is_followed: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._instances = instances
        self._asking = asking
        self._orchestration = orchestration
        self._clock = clock
        self._is_followed = is_followed
        self._changed = changed
        self._rows: Mapping[str, LedgerLine] = {}
        self._placed_by: OrderedDict[str, str | None] = OrderedDict()
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._stirred = True

    def stir(self) -> None:
        """Something may have changed in the books."""
        self._stirred = True

    def rows(self) -> Mapping[str, LedgerLine]:
        """As it was found last, while somebody followed."""
        return self._rows

    async def run(self) -> None:
        while True:
            if not self._is_followed():
                await self._clock.sleep(IDLE_S)
                continue
            took = 0.0
            if self._is_due():
                began = self._clock.monotonic()
                await self.look()
                took = self._clock.monotonic() - began
            await self._clock.sleep(max(EVERY_S, SHARE * took))

    def _is_due(self) -> bool:
        all_fits = bool(self._rows) and all(row.state is LineState.OK for row in self._rows.values())
        return self._stirred or not all_fits or self._clock.monotonic() - self._looked_at >= QUIET_S

    async def look(self) -> Ledger:
        """Ask all, and compare. What nobody answers is `unknown`; bounded in time."""
        async with self._looking:
            self._looked_at, self._stirred = self._clock.monotonic(), False
            lines = [self._named(line) for line in await self._compared()]
        rows = {line.name.value: line for line in lines}
        if rows != self._rows:
            self._rows = rows
            self._changed()
        return Ledger(at=self._clock.now(), lines=lines)

    async def _compared(self) -> list[LedgerLine]:
        found = await asyncio.gather(*(self._book(service, kind) for service, kind in BOOKS.items()))
        sagas: SagaBook | str
        try:
            sagas = await self._orchestration.book()
        except ApiError as error:
            sagas = error.message
        lines = await asyncio.to_thread(compare, gathered(dict(zip(BOOKS, found, strict=True)), sagas))
        if not isinstance(sagas, str):
            await self._find_sagas(lines)
        return lines

    async def _book(self, service: str, kind: type[object]) -> object:
        """The book of a service, or why it cannot be had. Of several instances another one is asked if the first does not
        answer."""
        try:
            entries = self._instances.discover(service)
        except ApiError as error:
            return error.message
        asked = entries[:TRIED]
        why: list[str] = []
        for entry in asked:
            try:
                return await self._asking.ask(entry, "GET", "/ledger", kind, BOOK_S / len(asked))
            except NoAnswerError as error:
                why.append(str(error))
            except ApiError as error:
                why.append(f"{entry.id}: {error.message}")
        return "; ".join(why)

    async def _find_sagas(self, lines: list[LedgerLine]) -> None:
        """The sagas that placed the orders that are named, looked up once each."""
        for order in orders_in(lines):
            if order in self._placed_by:
                continue
            try:
                found = (await self._orchestration.page(SagaQuery(q=order[:200], limit=10))).items
            except ApiError as error:
                log.info("whose order %s is could not be found out: %s", order, error.message)
                return
            of_it = [saga.id for saga in found if saga.data.get("orderId") == order]
            self._placed_by[order] = of_it[-1] if of_it else None
            if len(self._placed_by) > REMEMBERED:
                self._placed_by.popitem(last=False)

    def _named(self, line: LedgerLine) -> LedgerLine:
        return msgspec.structs.replace(line, broken=[self._with_saga(item) for item in line.broken])

    def _with_saga(self, item: LedgerItem) -> LedgerItem:
        saga = None if item.order is None else self._placed_by.get(item.order)
        return item if saga is None else msgspec.structs.replace(item, saga=saga)
