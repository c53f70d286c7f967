"""The orchestrator, as the control plane asks it: whether it can be asked now, and what becomes of a question that nobody
answers."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.ledger import SagaBook
from embedded_services.contracts.sagas import (
    ORCHESTRATOR,
    NewSaga,
    Saga,
    SagaAction,
    SagaDefinition,
    SagaPage,
    SagaQuery,
    SagaStarted,
)
from embedded_services.contracts.wire import Page
from embedded_services.control.sagas.asking import Asking, NoAnswerError
from embedded_services.registry.catalog import Catalog

T = TypeVar("T")

ANSWER_S: Final = 2.0
BOOK_S: Final = 1.0
"""For the ledger, which waits for others besides."""
ACTIONS: Final = ("retry", "skip", "cancel", "next")
_DOUBT: Final = "whether it did this is not known; look before asking again"


class Orchestration:
    """Every call raises SERVICE_UNAVAILABLE, within `ANSWER_S`, when the orchestrator does not answer, and the error that it
    answers with when it does."""

    def __init__(self, processes: Catalog, asking: Asking) -> None:
        self._processes = processes
        self._asking = asking

    async def start(self, asked: NewSaga) -> SagaStarted:
        return await self._ask("POST", "/sagas", SagaStarted, asked)

    async def page(self, query: SagaQuery) -> SagaPage:
        given: Mapping[str, Any] = msgspec.to_builtins(query)
        wanted = urlencode({name: value for name, value in given.items() if value not in (None, "")})
        return await self._ask("GET", f"/sagas?{wanted}", SagaPage)

    async def get(self, saga: str) -> Saga:
        """With its journal."""
        return await self._ask("GET", f"/sagas/{quote(saga, safe='')}", Saga)

    async def act(self, saga: str, action: str, asked: SagaAction) -> Saga:
        """Raises NOT_FOUND for an action that there is not."""
        if action not in ACTIONS:
            raise ApiError("NOT_FOUND", f"there is no action {action!r}; there are: {', '.join(ACTIONS)}")
        return await self._ask("POST", f"/sagas/{quote(saga, safe='')}/{action}", Saga, asked)

    async def definitions(self) -> Page[SagaDefinition]:
        return await self._ask("GET", "/saga-kinds", Page[SagaDefinition])

    async def book(self) -> SagaBook:
        return await self._ask("GET", "/ledger", SagaBook, within_s=BOOK_S)

    async def _ask(
        self, method: str, path: str, kind: type[T], body: object = None, *, within_s: float = ANSWER_S
    ) -> T:
        if ORCHESTRATOR not in self._processes:
            raise ApiError("SERVICE_UNAVAILABLE", "the orchestrator is not running", retry_after=1)
        entry = self._processes.get(ORCHESTRATOR)
        if not entry.in_rotation:
            raise ApiError(
                "SERVICE_UNAVAILABLE",
                f"the orchestrator is {entry.status.value} ({entry.reason}); sagas go on when it is back",
                retry_after=1,
            )
        try:
            return await self._asking.ask(entry, method, path, kind, within_s, body)
        except NoAnswerError as error:
            doubt = f"; {_DOUBT}" if method != "GET" and not error.unheard else ""
            raise ApiError("SERVICE_UNAVAILABLE", f"{error}{doubt}", retry_after=1) from error
