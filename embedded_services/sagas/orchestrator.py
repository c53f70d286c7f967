"""Runs sagas: hands events to the machine, writes what it decided, and only then does it.

A turn of the loop is one commit for all sagas that moved in it. What was not committed was never begun; what was begun
and not heard of when the process died is asked again under the same key.
"""

import asyncio
import logging
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from embedded_services.agent.child import EXIT_BY_FAULT
from embedded_services.common.clock import Clock, iso_utc
from embedded_services.common.ids import new_id
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.events import Envelope
from embedded_services.contracts.sagas import ORCHESTRATOR, ArmedFault, FaultKind, SagaState
from embedded_services.sagas.calls import Calls, traceparent_of
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.faulty import FaultFor, armed, no_fault
from embedded_services.sagas.journal import Journal, Stored
from embedded_services.sagas.machine import advance
from embedded_services.sagas.participants import Participants
from embedded_services.sagas.run import FINAL, Direction, Origin, Run, new_run
from embedded_services.sagas.signals import (
    Begun,
    Crash,
    Event,
    Injected,
    Invoke,
    NotNow,
    Recovered,
    Tell,
    Tick,
)
from embedded_services.sagas.turns import Turn, Turns

MOST_OPEN: Final = 50_000
"""Sagas that have not ended, all of which are kept in memory."""
RECOVERED_AT_ONCE: Final = 200
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

log = logging.getLogger(__name__)


T = TypeVar("T")


def origin_of(given: str | None) -> Origin:
    """What a `traceparent` says of it, or a new trace."""
    found = _TRACEPARENT.fullmatch(given or "")
    if found is None:
        return Origin(secrets.token_hex(16))
    return Origin(found[1], found[2], found[3] == "01")


def die() -> None:
    """As if killed: nothing is tidied up. Whoever starts processes knows that it was a fault."""
    os._exit(EXIT_BY_FAULT)


class Orchestrator:
    """`changed` hears of each saga that moved, after it was committed; `told` that events wait in the outbox. `crash` ends
    the process at once. `fault_for` is asked before each call whether a fault acts on it that was not armed for the run; `last_words` come before
    such a fault ends the process."""

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        journal: Journal,
        participants: Participants,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._definitions = definitions
        self._journal = journal
        self._clock = clock
        self._tasks = tasks
        self.calls = Calls(participants, clock, tasks)
        self._turns = Turns(journal, clock, tasks, lambda: len(self._open), self._written)
        self.changed: Callable[[Stored], None] = _nobody
        self.told: Callable[[], None] = _nobody
        self.crash: Callable[[], None] = die
        self.last_words: Callable[[], Awaitable[None]] = _no_words
        self.fault_for: FaultFor = no_fault
        self._open: dict[str, Stored] = {}
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        self._ended: dict[str, list[asyncio.Future[Run]]] = {}
        self._watched: dict[str, list[asyncio.Future[None]]] = {}

    # --- what is asked ---

    async def recover(self) -> int:
        """Go on with every saga that has not ended, a few at a time. Returns how many there were."""
        count = after = 0
        while found := self._journal.unfinished(after, RECOVERED_AT_ONCE):
            after = found[-1].seq
            count += sum(self._resume(stored) for stored in found)
            await self._turns.committed()
        return count

    def _resume(self, stored: Stored) -> bool:
        """Go on with a saga as it was committed, unless that was done."""
        id_ = stored.run.id
        if id_ in self._open:
            return False
        if stored.run.name not in self._definitions:
            log.error("saga %s is a %s, which nobody defines any more", id_, stored.run.name)
            return False
        self._open[id_] = stored
        self._apply(stored, Recovered())
        return True

    async def start(
        self,
        name: str,
        data: Mapping[str, Any],
        origin: Origin,
        *,
        step_mode: bool = False,
        faults: Mapping[str, Any] | None = None,
        request: tuple[str, bytes] | None = None,
    ) -> Run:
        """A new saga, on disk when this returns. `request` is the Idempotency-Key it was asked under and a digest of what was
        asked: the same request again is answered with the same saga. Raises ApiError."""
        definition = self._definitions.get(name)
        if definition is None:
            raise ApiError(
                "NOT_FOUND", f"there is no saga {name!r}; there are: {', '.join(self._definitions)}"
            )
        if request is not None and (known := self._journal.started_by(request[0])) is not None:
            if known[0] != request[1]:
                raise ApiError("IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was sent with another request")
            await self._turns.committed()
            return self.get(known[1]).run
        if len(self._open) >= MOST_OPEN:
            raise ApiError("SERVICE_UNAVAILABLE", f"{MOST_OPEN} sagas have not ended yet", retry_after=1)
        now = self._clock.now()
        run = new_run(
            definition,
            new_id("saga"),
            origin,
            definition.check(data),
            now,
            step_mode=step_mode,
            faults=armed(definition, faults or {}),
        )
        if request is not None:
            self._journal.remember_request(request[0], request[1], run.id)
        stored = Stored(self._journal.next_seq(), run, 0, now)
        self._open[run.id] = stored
        self._apply(stored, Begun())
        await self._turns.committed()
        return run

    async def act(self, id_: str, event: Event) -> Run:
        """What a person wants of a saga. Raises ApiError NOT_FOUND, or CONFLICT when it is not the time for that."""
        stored = self.get(id_)
        if stored.run.state in FINAL:
            raise ApiError("CONFLICT", f"saga {id_} has ended: it is {stored.run.state.value}")
        if stored.run.name not in self._definitions:
            raise ApiError("CONFLICT", f"nobody defines {stored.run.name} any more")
        if self._resume(stored):
            stored = self._open[id_]
        try:
            self._apply(stored, event)
        except NotNow as error:
            raise ApiError("CONFLICT", f"saga {id_}: {error}") from error
        await self._turns.committed()
        return self.get(id_).run

    def get(self, id_: str) -> Stored:
        """As it is in memory, or in the journal. Raises ApiError NOT_FOUND."""
        stored = self._open.get(id_) or self._journal.find(id_)
        if stored is None:
            raise ApiError("NOT_FOUND", f"there is no saga {id_!r}")
        return stored

    async def written(self, id_: str) -> Stored:
        """As `get`, once all of it is in the journal, unless that cannot be written."""
        if id_ in self._open and not self.trouble:
            await self._turns.committed()
        return self.get(id_)

    async def wait(self, id_: str, seconds: float) -> Run:
        """Until it has ended, at most so long."""
        if id_ in self._open:
            ended: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
            self._ended.setdefault(id_, []).append(ended)
            try:
                async with asyncio.timeout(seconds):
                    return await ended
            except TimeoutError:
                pass
            finally:
                _drop(self._ended, id_, ended)
        return self.get(id_).run

    async def wait_past(self, id_: str, step: str, seconds: float) -> Run:
        """Until this step has ended, one way or another, or the saga; at most so long."""
        deadline = self._clock.monotonic() + seconds
        while (stored := self._open.get(id_)) is not None:
            definition = self._definitions[stored.run.name]
            index = [known.name for known in definition.steps].index(step)
            if stored.run.steps[index].ended_at is not None or stored.run.state is not SagaState.RUNNING:
                break
            left = deadline - self._clock.monotonic()
            moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watched.setdefault(id_, []).append(moved)
            try:
                async with asyncio.timeout(max(0.0, left)):
                    await moved
            except TimeoutError:
                break
            finally:
                _drop(self._watched, id_, moved)
        return self.get(id_).run

    def knows(self, key: str) -> bool:
        """Whether a saga was started under this Idempotency-Key."""
        return self._journal.started_by(key) is not None

    @property
    def trouble(self) -> str:
        """Why nothing goes on, if nothing does."""
        return self._turns.trouble

    @property
    def unfinished(self) -> int:
        return len(self._open)

    def under_way(self) -> list[Run]:
        """All that have not ended."""
        return [stored.run for stored in self._open.values()]

    # --- a transition ---

    def _apply(self, stored: Stored, event: Event) -> None:
        """Raises NotNow; nothing has changed then."""
        definition = self._definitions[stored.run.name]
        now = self._clock.now()
        outcome = advance(definition, stored.run, event, now)
        if not outcome.entries and not outcome.commands and outcome.run == stored.run:
            self._set_timer(stored.run.id, outcome.wake_at, now)
            return
        turned = stored.lines == 0 or outcome.run.state is not stored.run.state
        after = Stored(stored.seq, outcome.run, stored.lines, now)
        moved = self._journal.put(after, outcome.entries, turned=turned)
        id_ = outcome.run.id
        self._open[id_] = moved
        for command in outcome.commands:
            if isinstance(command, Tell):
                self._tell(outcome.run, command, now)
        self._set_timer(id_, outcome.wake_at, now)
        self._turns.add(moved, outcome.commands)

    def _tell(self, run: Run, told: Tell, now: float) -> None:
        message = new_id("msg")
        envelope = Envelope(
            type=told.type,
            data=dict(told.data),
            source=ORCHESTRATOR,
            timestamp=iso_utc(now),
            message_id=message,
        )
        self._journal.tell(message, told.type, _encode(envelope), traceparent_of(run), now)

    def _set_timer(self, id_: str, at: float | None, now: float) -> None:
        known = self._timers.get(id_)
        if known is not None:
            if known[0] == at:
                return  # mostly it is the deadline, which stays
            known[1].cancel()
            del self._timers[id_]
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timers[id_] = at, loop.call_later(max(0.0, at - now), self._tick, id_)

    def _tick(self, id_: str) -> None:
        self._timers.pop(id_, None)
        stored = self._open.get(id_)
        if stored is not None:
            self._apply(stored, Tick())

    async def committed(self) -> None:
        """Wait until all that has gathered is on disk."""
        await self._turns.committed()

    async def close(self) -> None:
        """Once its tasks have ended: write nothing more. What was decided and not written is decided again by the next."""
        await self._turns.close()

    def _written(self, turn: Turn) -> None:
        for stored in turn.moved.values():
            if stored.run.state in FINAL:
                self._forget(stored.run)
            _wake(self._watched.pop(stored.run.id, []))
            self.changed(stored)
        _wake(turn.waiting)
        kinds = {type(command) for _, command in turn.commands}
        if Crash in kinds:
            self.crash()
        if Tell in kinds:
            self.told()
        for id_, command in turn.commands:
            if isinstance(command, Invoke):
                self._tasks.spawn(self._invoke(id_, command), f"{id_} step {command.step}")

    def _forget(self, run: Run) -> None:
        self._open.pop(run.id, None)
        for future in self._ended.pop(run.id, []):
            if not future.done():
                future.set_result(run)

    # --- calls ---

    async def _invoke(self, id_: str, command: Invoke) -> None:
        stored = self._open.get(id_)
        if stored is None:
            return
        run, definition = stored.run, self._definitions[stored.run.name]
        fault, crashes = command.fault, False
        if fault is None and (fault := self._found(run, definition, command)) is not None:
            self._apply(stored, Injected(command.step, fault.kind))
            crashes = fault.kind is FaultKind.CRASH_ORCHESTRATOR
            if crashes and fault.before:
                await self._crash()
                return
        event = await self.calls.carry_out(run, definition, command, fault)
        if (present := self._open.get(id_)) is not None:
            self._apply(present, event)
        if crashes:
            await self._crash()

    def _found(self, run: Run, definition: Definition, command: Invoke) -> ArmedFault | None:
        undoing = command.direction is Direction.UNDO
        fault = self.fault_for(run, definition.steps[command.step].name, undoing)
        return fault if fault is not None and fault.acts_on_undo is undoing else None

    async def _crash(self) -> None:
        """Once what led to it is on disk."""
        await self._turns.committed()
        await self.last_words()
        self.crash()


def _drop(waiting: dict[str, list[asyncio.Future[T]]], id_: str, future: asyncio.Future[T]) -> None:
    if (others := waiting.get(id_)) is not None and future in others:
        others.remove(future)
        if not others:
            del waiting[id_]


def _wake(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _nobody(*_: object) -> None: ...


async def _no_words() -> None: ...
