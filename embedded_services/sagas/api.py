"""What the orchestrator is asked about sagas, by the control plane: starting, seeing and repairing any of them."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from embedded_services.bus.outbox import current_trace
from embedded_services.common.clock import Clock
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.ledger import BOOK_MAX, SagaBook, SagaOfOrder
from embedded_services.contracts.sagas import (
    DefinedStep,
    NewSaga,
    Saga,
    SagaAction,
    SagaDefinition,
    SagaPage,
    SagaQuery,
    SagaStarted,
)
from embedded_services.contracts.wire import Page
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.journal import Shelf, Wanted
from embedded_services.sagas.orchestrator import Orchestrator, origin_of
from embedded_services.sagas.run import Run
from embedded_services.sagas.signals import Cancel, Event, Next, Skip, TryAgain
from embedded_services.sagas.views import brief, show
from embedded_services.services.kit.endpoints import Answer, Ask, Endpoint, Endpoints, Nothing, answer
from embedded_services.services.kit.pages import decode_cursor, encode_cursor
from embedded_services.services.kit.roles import Permission

_LIST: Final = "sagas"
LATELY_S: Final = 5.0
"""How long a saga that ended may explain what the services' books say, which were read a moment before."""
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class SagaApi:
    def __init__(
        self,
        orchestrator: Orchestrator,
        shelf: Shelf,
        definitions: Mapping[str, Definition],
        clock: Clock,
    ) -> None:
        self._orchestrator = orchestrator
        self._shelf = shelf
        self._definitions = definitions
        self._clock = clock
        self._looking = asyncio.Lock()

    @property
    def endpoints(self) -> Endpoints:
        read, write = Permission.SAGAS_READ, Permission.SAGAS_WRITE
        return [
            Endpoint("POST", "/sagas", self.start, NewSaga, needs=write),
            Endpoint("GET", "/sagas", self.list, SagaQuery, needs=read),
            Endpoint("GET", "/sagas/{id}", self.get, Nothing, needs=read),
            Endpoint("POST", "/sagas/{id}/retry", self.retry, SagaAction, needs=write),
            Endpoint("POST", "/sagas/{id}/skip", self.skip, SagaAction, needs=write),
            Endpoint("POST", "/sagas/{id}/cancel", self.cancel, SagaAction, needs=write),
            Endpoint("POST", "/sagas/{id}/next", self.next, SagaAction, needs=write),
            Endpoint("GET", "/saga-kinds", self.kinds, Nothing, needs=read),
            Endpoint("GET", "/ledger", self.book, Nothing, internal=True),
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
        return answer(
            SagaStarted(id=run.id, state=run.state), 202, location=f"/sagas/{run.id}", asked=ask.path
        )

    async def list(self, ask: Ask[SagaQuery]) -> SagaPage:
        asked = ask.input
        before = decode_cursor(_LIST, asked.cursor, int)
        wanted = Wanted(asked.state, asked.q, asked.since, asked.until, before)
        async with self._looking:
            found = await asyncio.to_thread(self._shelf.page, wanted, asked.limit + 1)
            counts = await asyncio.to_thread(self._shelf.counts)
        kept = found[: asked.limit]
        more = len(found) > len(kept)
        return SagaPage(
            items=[brief(show(self._definitions.get(each.run.name), each)) for each in kept],
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

    async def kinds(self, _ask: Ask[Nothing]) -> Page[SagaDefinition]:
        return Page(
            items=[
                SagaDefinition(
                    name=name,
                    steps=[
                        DefinedStep(
                            name=step.name,
                            service=step.do.service,
                            undoable=step.undo is not None,
                            pivot=step.pivot,
                            beside=step.beside,
                            attempts=step.retry.attempts,
                            undo_attempts=step.undo_retry.attempts if step.undo is not None else 0,
                            timeout_s=step.timeout_s,
                            fails=step.fails,
                        )
                        for step in definition.steps
                    ],
                )
                for name, definition in self._definitions.items()
            ]
        )

    async def book(self, _ask: Ask[Nothing]) -> SagaBook:
        """The sagas of orders, those that ended lately first."""
        async with self._looking:
            ended = await asyncio.to_thread(self._shelf.ended_since, self._clock.now() - LATELY_S, BOOK_MAX)
        # Those under way last: whatever ends in between is still among them, or was not yet when the others asked.
        runs = [*(stored.run for stored in ended), *self._orchestrator.under_way()]
        return SagaBook(
            live=[
                SagaOfOrder(saga=run.id, order=order, state=run.state)
                for run in runs
                if isinstance(order := run.data.get("orderId"), str)
            ]
        )

    async def _act(self, ask: Ask[SagaAction], event: Event) -> Saga:
        await self._orchestrator.act(ask.params["id"], event)
        return await self._shown(ask.params["id"])

    async def _shown(self, id_: str) -> Saga:
        stored = await self._orchestrator.written(id_)
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
