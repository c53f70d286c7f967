"""An orchestrator whose services are a script: what each call meets is decided by the test."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.sagas import Entry, SagaState
from embedded_services.sagas.definition import Call, Definition, HttpCall, Retry, Step
from embedded_services.sagas.journal import Journal, Shelf, Stored
from embedded_services.sagas.orchestrator import Orchestrator, origin_of
from embedded_services.sagas.participants import Answer, Done
from embedded_services.sagas.run import Run

SOON = Retry(3, 0.005, 0.01)


def call(name: str) -> Call:
    return Call(name, lambda data: HttpCall("POST", f"/{name}", {"x": data.get("x")}))


def step(name: str, **given: object) -> Step:
    return Step(name, call(name), call(f"undo-{name}"), retry=SOON, undo_retry=SOON, **given)  # type: ignore[arg-type] # a test's own


LINE = Definition("line", [step(name) for name in "abc"])


class Script:
    """Answers from `answers[service]`, one after the other; when there is none left (or None), the call succeeds. A callable
    is awaited for its answer."""

    def __init__(self) -> None:
        self.answers: dict[str, deque[object]] = {}
        self.calls: list[tuple[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0

    def will(self, service: str, *answers: object) -> None:
        self.answers[service] = deque(answers)

    async def call(
        self, service: str, call: HttpCall, key: str, traceparent: str, timeout_s: float
    ) -> Answer:
        self.calls.append((service, key))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            left = self.answers.get(service)
            answer = left.popleft() if left else None
            if callable(answer):
                answer = await answer()
            return answer if answer is not None else Done({service: True}, f"{service}-1")  # type: ignore[return-value] # as scripted
        finally:
            self.at_once -= 1

    @property
    def services(self) -> list[str]:
        return [service for service, _ in self.calls]


class World:
    def __init__(self, orchestrator: Orchestrator, journal: Journal, script: Script) -> None:
        self.orchestrator = orchestrator
        self.journal = journal
        self.script = script

    async def start(self, name: str = "line", **given: object) -> Run:
        return await self.orchestrator.start(name, {"x": 1}, origin_of(None), **given)  # type: ignore[arg-type] # a test's own

    async def run(self, name: str = "line", **given: object) -> Run:
        run = await self.start(name, **given)
        return await self.end(run)

    async def end(self, run: Run) -> Run:
        return await self.orchestrator.wait(run.id, 5)

    def lines(self, id_: str) -> list[Entry]:
        """Its journal, as it is on disk."""
        with closing(Shelf(self.journal.path)) as shelf:
            return shelf.lines_of(self.orchestrator.get(id_).seq)

    async def until(self, run: Run, holds: Callable[[Run], bool]) -> Run:
        found: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def look(stored: Stored) -> None:
            if stored.run.id == run.id and holds(stored.run) and not found.done():
                found.set_result(None)

        self.orchestrator.changed = look
        look(self.orchestrator.get(run.id))
        async with asyncio.timeout(5):
            await found
        return self.orchestrator.get(run.id).run


@asynccontextmanager
async def world(folder: Path, *definitions: Definition, script: Script | None = None) -> AsyncIterator[World]:
    known: Mapping[str, Definition] = {each.name: each for each in (definitions or (LINE,))}
    script = script or Script()
    with closing(Journal(folder / "sagas.db")) as journal:
        tasks = Tasks("test")
        orchestrator = Orchestrator(known, journal, script, SystemClock(), tasks)
        try:
            async with tasks:
                yield World(orchestrator, journal, script)
        finally:
            await orchestrator.close()


def states(run: Run) -> list[str]:
    return [each.state.value for each in run.steps]


COMPLETED, COMPENSATED, FAILED = (
    SagaState.COMPLETED,
    SagaState.COMPENSATED,
    SagaState.COMPENSATION_FAILED,
)
