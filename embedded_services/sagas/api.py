"""What the orchestrator is asked about sagas, by the control plane: starting, seeing and repairing any of them."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from embedded_services.bus.outbox import current_trace
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import NewSaga, Saga, SagaAction, SagaPage, SagaState
from embedded_services.contracts.wire import Page, Request, Timestamp
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.journal import Shelf, Wanted
from embedded_services.sagas.machine import Cancel, Event, Next, Run, Skip, TryAgain
from embedded_services.sagas.orchestrator import Orchestrator, origin_of
from embedded_services.sagas.views import show
from embedded_services.services.kit.endpoints import Answer, Ask, Endpoint, Endpoints, Nothing, answer
from embedded_services.services.kit.pages import decode_cursor, encode_cursor
from embedded_services.services.kit.roles import Permission

MAX_PAGE: Final = 500
_LIST: Final = "sagas"
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class SagaFilter(Request, frozen=True):
    """Sagas started at or after `since` and before `until`, with `q` in their ids, their data or what made them fail."""

    state: SagaState | None = None
    q: Annotated[str, Meta(max_length=200)] = ""
    since: Timestamp | None = None
    until: Timestamp | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, Meta(max_length=512)] = ""


class Kind(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A saga that can be started."""

    name: str
    steps: list[str]
    compensated: list[bool]
    pivots: list[bool]
    stages: list[list[int]]


Kinds = Page[Kind]


class SagaApi:
    def __init__(
        self, orchestrator: Orchestrator, shelf: Shelf, definitions: Mapping[str, Definition]
    ) -> None:
        self._orchestrator = orchestrator
        self._shelf = shelf
        self._definitions = definitions
        self._looking = asyncio.Lock()

    @property
    def endpoints(self) -> Endpoints:
        read, write = Permission.SAGAS_READ, Permission.SAGAS_WRITE
        return [
            Endpoint("POST", "/sagas", self.start, NewSaga, needs=write),
            Endpoint("GET", "/sagas", self.list, SagaFilter, needs=read),
            Endpoint("GET", "/sagas/{id}", self.get, Nothing, needs=read),
            Endpoint("POST", "/sagas/{id}/retry", self.retry, SagaAction, needs=write),
            Endpoint("POST", "/sagas/{id}/skip", self.skip, SagaAction, needs=write),
            Endpoint("POST", "/sagas/{id}/cancel", self.cancel, SagaAction, needs=write),
            Endpoint("POST", "/sagas/{id}/next", self.next, SagaAction, needs=write),
            Endpoint("GET", "/saga-kinds", self.kinds, Nothing, needs=read),
        ]

    async def start(self, ask: Ask[NewSaga]) -> Answer:
        """202 with the saga. Honours Idempotency-Key."""
        asked = ask.input
        run = await self._orchestrator.start(
            asked.name,
            asked.data,
            origin_of(current_trace.get()),
            step_mode=asked.step_mode,
            faults=asked.faults,
            request=request_of(ask, asked),
        )
        return answer({"id": run.id, "state": run.state}, 202, location=f"/sagas/{run.id}", asked=ask.path)

    async def list(self, ask: Ask[SagaFilter]) -> SagaPage:
        asked = ask.input
        before = decode_cursor(_LIST, asked.cursor, int)
        wanted = Wanted(asked.state, asked.q, asked.since, asked.until, before)
        async with self._looking:
            found = await asyncio.to_thread(self._shelf.page, wanted, asked.limit + 1)
            counts = await asyncio.to_thread(self._shelf.counts)
        kept = found[: asked.limit]
        more = len(found) > len(kept)
        return SagaPage(
            items=[show(self._definitions.get(each.run.name), each) for each in kept],
            next_cursor=encode_cursor(_LIST, kept[-1].seq) if more else None,
            counts=counts,
        )

    async def get(self, ask: Ask[Nothing]) -> Saga:
        return await self._shown(ask.params["id"])

    async def retry(self, ask: Ask[SagaAction]) -> Saga:
        return await self._act(ask, TryAgain())

    async def skip(self, ask: Ask[SagaAction]) -> Saga:
        """Raises ApiError VALIDATION_FAILED without a reason."""
        if not ask.input.reason.strip():
            raise ApiError("VALIDATION_FAILED", "reason: skipping needs one")
        return await self._act(ask, Skip(ask.input.reason))

    async def cancel(self, ask: Ask[SagaAction]) -> Saga:
        return await self._act(ask, Cancel(ask.input.reason))

    async def next(self, ask: Ask[SagaAction]) -> Saga:
        return await self._act(ask, Next())

    async def kinds(self, _ask: Ask[Nothing]) -> "Kinds":
        return Page(
            items=[
                Kind(
                    name=name,
                    steps=[step.name for step in definition.steps],
                    compensated=[step.undo is not None for step in definition.steps],
                    pivots=[step.pivot for step in definition.steps],
                    stages=[list(stage) for stage in definition.stages],
                )
                for name, definition in self._definitions.items()
            ]
        )

    async def _act(self, ask: Ask[SagaAction], event: Event) -> Saga:
        await self._orchestrator.act(ask.params["id"], event)
        return await self._shown(ask.params["id"])

    async def _shown(self, id_: str) -> Saga:
        stored = self._orchestrator.get(id_)
        async with self._looking:
            lines = await asyncio.to_thread(self._shelf.lines_of, stored.seq)
        return show(self._definitions.get(stored.run.name), stored, lines)


def request_of(ask: Ask[Any], same: object) -> tuple[str, bytes] | None:
    """The key of a request, which is its caller's own, and a digest of what makes two requests the same."""
    if ask.idempotency_key is None:
        return None
    digest = hashlib.sha256(_canonical([ask.method, ask.path, same])).digest()
    return f"{ask.caller.id}:{ask.idempotency_key}", digest


def failed_step(run: Run) -> int | None:
    """The step that made the saga turn back, if a step did."""
    for index, step in enumerate(run.steps):
        if step.error is not None and run.failure == step.error:
            return index
    return None
