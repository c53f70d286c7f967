"""Sagas as the orchestrator would tell them, made by its own machine, and a control plane that holds many of them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.core.feed import Feed
from app.core.messages import NotConnectedError
from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.ledger import LedgerLine
from embedded_services.contracts.sagas import (
    ArmedFault,
    DefinedStep,
    Entry,
    NewSaga,
    Saga,
    SagaCounts,
    SagaDefinition,
    SagaPage,
    SagaQuery,
    SagaStarted,
    SagaState,
)
from embedded_services.contracts.stream import Delta
from embedded_services.contracts.system import ActionResult, Process, System, SystemStatus
from embedded_services.contracts.wire import Page
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.journal import Stored
from embedded_services.sagas.machine import advance
from embedded_services.sagas.order_processing import ORDER_PROCESSING
from embedded_services.sagas.refund_order import REFUND_ORDER
from embedded_services.sagas.run import Direction, Origin, Run, new_run
from embedded_services.sagas.signals import Away, Begun, Event, Lost, Refused, Succeeded
from embedded_services.sagas.views import brief, show
from tests.helpers.clock import FakeClock

NOW = 1_700_000_000.0
DATA = {
    "userId": "usr_demo",
    "items": [{"productId": "prod1", "quantity": 2, "price": 29.99}],
    "orderId": "ord_1",
    "total": 59.98,
    "order": {"items": [], "total": 59.98, "status": "paid"},
}
VALIDATE, RESERVE, PAY, CREATE, CONFIRM = range(5)


class Teller:
    """A saga of the machine's, taken on by events; `saga` is what is told of it."""

    def __init__(
        self, seq: int = 1, definition: Definition = ORDER_PROCESSING, *, at: float = NOW, step_mode: bool = False,
        faults: Mapping[str, ArmedFault] | None = None,
    ) -> None:  # fmt: skip
        self.definition, self.seq, self.now = definition, seq, at
        self.lines: list[Entry] = []
        self.run: Run = new_run(
            definition, f"saga_{seq:012}", Origin(f"{seq:032x}"), DATA, at, step_mode=step_mode, faults=faults
        )
        self.take(Begun())

    def take(self, *events: Event, after_s: float = 0.01) -> "Teller":
        for event in events:
            self.now += after_s
            outcome = advance(self.definition, self.run, event, self.now)
            self.run = outcome.run
            for noted in outcome.entries:
                self.lines.append(
                    Entry(
                        seq=len(self.lines) + 1,
                        at=self.now,
                        what=noted.what,
                        step=noted.step,
                        detail=noted.detail,
                    )
                )
        return self

    def done(self, *steps: int) -> "Teller":
        return self.take(
            *(Succeeded(step, Direction.DO, {"n": step}, f"order-{1 + step % 2}") for step in steps)
        )

    def undone(self, *steps: int) -> "Teller":
        return self.take(*(Succeeded(step, Direction.UNDO, {}, "order-2") for step in steps))

    def refused(self, step: int, error: str = "Payment processing failed") -> "Teller":
        return self.take(Refused(step, Direction.DO, error, "payment-1"))

    def stuck(self, step: int) -> "Teller":
        return self.take(Refused(step, Direction.UNDO, "made to fail", "order-1", final=True))

    def lost(self, step: int) -> "Teller":
        return self.take(Lost(step, Direction.DO, "no answer within 3 s", "payment-1"))

    def away(self, step: int) -> "Teller":
        return self.take(Away(step, Direction.DO, "payment: no instance in rotation"))

    @property
    def stored(self) -> Stored:
        return Stored(self.seq, self.run, len(self.lines), self.now)

    @property
    def saga(self) -> Saga:
        """With its journal."""
        return show(self.definition, self.stored, self.lines)

    @property
    def told(self) -> Saga:
        """As the stream tells it."""
        return brief(show(self.definition, self.stored))


def completed(seq: int, at: float = NOW) -> Teller:
    return Teller(seq, at=at).done(VALIDATE, RESERVE, PAY, CREATE, CONFIRM)


def compensated(seq: int, at: float = NOW) -> Teller:
    return Teller(seq, at=at).done(VALIDATE, RESERVE).refused(PAY).undone(RESERVE, VALIDATE)


def stuck(seq: int, at: float = NOW) -> Teller:
    return Teller(seq, at=at).done(VALIDATE, RESERVE).refused(PAY).stuck(RESERVE)


def defined(definition: Definition) -> SagaDefinition:
    return SagaDefinition(
        name=definition.name,
        steps=[
            DefinedStep(
                name=step.name, service=step.do.service, undoable=step.undo is not None, pivot=step.pivot,
                beside=step.beside, attempts=step.retry.attempts, undo_attempts=step.undo_retry.attempts,
                timeout_s=step.timeout_s, fails=step.fails,
            )
            for step in definition.steps
        ],
    )  # fmt: skip


DEFINITIONS = [defined(ORDER_PROCESSING), defined(REFUND_ORDER)]
ORDERS = DEFINITIONS[0]


def process(status: str = "healthy", reason: str = "passing its checks", incarnation: int = 1) -> Process:
    return Process(
        name="orchestrator", role="orchestrator", pid=1, status=status, reason=reason, since=NOW - 60,
        incarnation=incarnation, port=3900, restarts=0, started_at=NOW - 60,
    )  # fmt: skip


def system() -> System:
    return System(
        name="demo-shop", version="1", status=SystemStatus.HEALTHY, reason="", uptime=60.0, started_at=NOW - 60,
        workspace="/nowhere", gateway=None, control="http://127.0.0.1:1", broker=None, healthy=8, total=8,
    )  # fmt: skip


@dataclass
class FakeControl:
    """Holds sagas by number. `make(seq)` gives those that nobody put there, up to `made`."""

    held: dict[int, Saga] = field(default_factory=dict)
    made: int = 0
    queries: list[SagaQuery] = field(default_factory=list)
    started: list[NewSaga] = field(default_factory=list)
    acted: list[tuple[str, str, str]] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    processes: list[tuple[str, str]] = field(default_factory=list)
    refuse: Exception | None = None
    hold: asyncio.Event | None = None

    def put(self, *sagas: Saga) -> None:
        for saga in sagas:
            self.held[saga.seq] = saga

    def make(self, seq: int) -> Saga:
        if seq not in self.held:
            self.held[seq] = msgspec.structs.replace(
                _PLAIN,
                id=f"saga_{seq:012}",
                seq=seq,
                started_at=NOW - 100_000 + seq,
                updated_at=NOW - 99_999 + seq,
            )
        return self.held[seq]

    @property
    def newest(self) -> int:
        return max([self.made, *self.held])

    async def sagas(self, query: SagaQuery) -> SagaPage:
        self.queries.append(query)
        await self._answer()
        top = int(query.cursor) - 1 if query.cursor else self.newest
        found: list[Saga] = []
        for seq in range(top, 0, -1):
            if len(found) > query.limit:
                break
            if (seq <= self.made or seq in self.held) and _passes(saga := self.make(seq), query):
                found.append(saga)
        items = found[: query.limit]
        more = str(items[-1].seq) if len(found) > len(items) else None
        return SagaPage(items=[msgspec.structs.replace(saga, journal=[]) for saga in items], next_cursor=more)

    async def saga(self, saga: str) -> Saga:
        self.looked_at.append(saga)
        await self._answer()
        found = next((each for each in self.held.values() if each.id == saga), None)
        if found is None:
            raise ControlError("NOT_FOUND", f"there is no saga {saga!r}", 404)
        return found

    async def saga_definitions(self) -> Page[SagaDefinition]:
        await self._answer()
        return Page(items=DEFINITIONS)

    async def start_saga(self, saga: NewSaga) -> SagaStarted:
        await self._answer()
        self.started.append(saga)
        run = Teller(self.newest + 1, at=NOW + len(self.started))
        self.put(run.saga)
        return SagaStarted(id=run.run.id, state=SagaState.RUNNING)

    async def act_on_saga(self, saga: str, action: str, reason: str = "") -> Saga:
        await self._answer()
        self.acted.append((saga, action, reason))
        return await self.saga(saga)

    async def act_on_process(self, name: str, action: str) -> ActionResult:
        self.processes.append((name, action))
        return ActionResult(id=name, action=action, pid=1, detail="")

    async def _answer(self) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.refuse is not None:
            raise self.refuse


_PLAIN = completed(1).told


def _passes(saga: Saga, query: SagaQuery) -> bool:
    return (
        (query.state is None or saga.state is query.state)
        and query.q.casefold()
        in f"{saga.id} {saga.failure} {msgspec.json.encode(saga.data).decode()}".casefold()
        and (query.since is None or saga.started_at >= query.since)
        and (query.until is None or saga.started_at < query.until)
    )


class FakePort:
    """A feed that tests fill by hand, and a control plane in the test's own hand."""

    gateway: str | None = "http://127.0.0.1:3000"
    workspace = Path("/nowhere")

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.feed = Feed(self.clock)
        self.client: FakeControl | None = FakeControl()
        self._rev = 0

    def control(self) -> Any:
        if self.client is None:
            raise NotConnectedError
        return self.client

    def open(self, **rows: Mapping[str, Any]) -> None:
        self.feed.connection_changed(Connection(True, NOW))
        self.set(system={"system": system()}, processes={"orchestrator": process()}, **rows)

    def lose(self) -> None:
        self.feed.connection_changed(Connection(False, NOW, "the control plane fell silent"))

    def set(self, **rows: Mapping[str, Any]) -> None:
        """Rows of topics, by key (`_` for `-` in the topics' names)."""
        self._rev += 1
        told = {
            topic.replace("_", "-"): {key: msgspec.to_builtins(row) for key, row in each.items()}
            for topic, each in rows.items()
        }
        self.feed.take(Delta(rev=self._rev, set=told))

    def tell(self, *sagas: Teller | Saga, missed: int = 0, total: int | None = None) -> None:
        """They moved: the stream tells it, and the orchestrator has them."""
        told = [each.told if isinstance(each, Teller) else each for each in sagas]
        if self.client is not None:
            self.client.put(*(each.saga if isinstance(each, Teller) else each for each in sagas))
        rows = {saga.id: saga for saga in told}
        self.set(sagas=rows, saga_counts={"sagas": self._counts(missed, total)})

    def _counts(self, missed: int, total: int | None) -> SagaCounts:
        held = list(self.client.held.values()) if self.client is not None else []
        by_state = {
            state.value: count for state in SagaState if (count := sum(each.state is state for each in held))
        }
        return SagaCounts(by_state=by_state, total=len(held) if total is None else total, missed=missed)

    def ledger(self, lines: Iterable[LedgerLine]) -> None:
        self.set(ledger={line.name.value: line for line in lines})

    def process(self, status: str, reason: str = "", incarnation: int = 1) -> None:
        self.set(processes={"orchestrator": process(status, reason, incarnation)})


def numbers(rows: Sequence[Any]) -> list[int]:
    return [row.seq for row in rows]
