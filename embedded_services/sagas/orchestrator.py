"""Runs sagas: hands events to the machine, writes what it decided, and only then does it.

A turn of the loop is one commit for all sagas that moved in it. What was not committed was never begun; what was begun
and not heard of when the process died is asked again under the same key.
"""

import asyncio
import contextlib
import logging
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from embedded_services.agent.child import EXIT_BY_FAULT
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.events import Envelope
from embedded_services.contracts.sagas import ORCHESTRATOR, ArmedFault, SagaState
from embedded_services.sagas.definition import Call, Definition, Step
from embedded_services.sagas.faulty import faulty
from embedded_services.sagas.journal import Batch, Journal, Stored
from embedded_services.sagas.machine import advance
from embedded_services.sagas.participants import Answer, Done, No, Nobody, Participants, Unknown
from embedded_services.sagas.run import FINAL, Direction, Origin, Run, key_of, new_run
from embedded_services.sagas.signals import (
    Away,
    Begun,
    Command,
    Crash,
    Event,
    Invoke,
    Lost,
    NotNow,
    Recovered,
    Refused,
    Succeeded,
    Tell,
    Tick,
)
from embedded_services.telemetry.spans import SpanBook, traceparent

AT_ONCE: Final = 256
"""Calls under way at a time: more would only wait at the services."""
MOST_OPEN: Final = 50_000
"""Sagas that have not ended, all of which are kept in memory."""
RECOVERED_AT_ONCE: Final = 200
AGAIN_S: Final = 0.5
QUICK_S: Final = 0.001
"""Of a commit: one that takes longer would hold up the loop. A hop to a thread costs a tenth of that."""
FEW: Final = 4
"""Sagas that are not worth a thread: they would wait for it longer than for the disk."""
WEIGHT: Final = 0.2

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

log = logging.getLogger(__name__)


T = TypeVar("T")


@dataclass
class Turn:
    """What was decided, and what is to happen once it is on disk."""

    batch: Batch
    commands: list[tuple[str, Command]]
    moved: dict[str, Stored]
    waiting: list[asyncio.Future[None]]


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
    the process at once, and `spans` are told of traced sagas."""

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
        self._participants = participants
        self._clock = clock
        self._tasks = tasks
        self.changed: Callable[[Stored], None] = _nobody
        self.told: Callable[[], None] = _nobody
        self.trouble = ""
        """Why nothing goes on, if nothing does."""
        self.crash: Callable[[], None] = die
        self.spans: SpanBook | None = None
        self._open: dict[str, Stored] = {}
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        self._commands: list[tuple[str, Command]] = []
        self._moved: dict[str, Stored] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._ended: dict[str, list[asyncio.Future[Run]]] = {}
        self._took_s = 0.0
        self._writing: asyncio.Future[None] | None = None
        self._closed = False
        self._watched: dict[str, list[asyncio.Future[None]]] = {}
        self._in_turn = False
        self._room = asyncio.Semaphore(AT_ONCE)

    # --- what is asked ---

    async def recover(self) -> int:
        """Go on with every saga that has not ended, a few at a time. Returns how many there were."""
        count = after = 0
        while found := self._journal.unfinished(after, RECOVERED_AT_ONCE):
            after = found[-1].seq
            count += sum(self._resume(stored) for stored in found)
            await self._committed()
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
            await self._committed()
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
            faults=_armed(definition, faults or {}),
        )
        if request is not None:
            self._journal.remember_request(request[0], request[1], run.id)
        stored = Stored(self._journal.next_seq(), run, 0, now)
        self._open[run.id] = stored
        self._apply(stored, Begun())
        await self._committed()
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
        await self._committed()
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
            await self._committed()
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
        self._open[id_] = self._moved[id_] = moved
        for command in outcome.commands:
            if isinstance(command, Tell):
                self._tell(outcome.run, command, now)
            self._commands.append((id_, command))
        self._set_timer(id_, outcome.wake_at, now)
        self._turn()

    def _tell(self, run: Run, told: Tell, now: float) -> None:
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = new_id("msg")
        envelope = Envelope(
            type=told.type, data=dict(told.data), source=ORCHESTRATOR, timestamp=at, message_id=message
        )
        self._journal.tell(message, told.type, _encode(envelope), _traceparent(run), now)

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

    # --- the turn ---

    def _turn(self) -> None:
        if not self._in_turn:
            self._in_turn = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    async def committed(self) -> None:
        """Wait until all that has gathered is on disk."""
        await self._committed()

    async def _committed(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._turn()
        await waiting

    def _end_turn(self) -> None:
        """Write what was decided: at once where the disk is quick, else in a thread, while the next turn gathers."""
        if self._closed:
            return
        turn = Turn(self._journal.take(), self._commands, self._moved, self._waiting)
        self._commands, self._moved, self._waiting = [], {}, []
        if self._took_s > QUICK_S and len(self._open) > FEW:
            self._tasks.spawn(self._write_apart(turn), "journal")
            return
        began = self._clock.monotonic()
        try:
            self._journal.write(turn.batch)
        except sqlite3.Error as error:
            self._not_written(turn, error)
        else:
            self._took_s += WEIGHT * (self._clock.monotonic() - began - self._took_s)
            self._written(turn)

    async def _write_apart(self, turn: "Turn") -> None:
        began = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        self._writing = writing = loop.run_in_executor(None, self._journal.write, turn.batch)
        try:
            await asyncio.shield(writing)
        except sqlite3.Error as error:
            self._not_written(turn, error)
        else:
            self._took_s += WEIGHT * (self._clock.monotonic() - began - self._took_s)
            self._written(turn)

    async def close(self) -> None:
        """Once its tasks have ended: write nothing more. What was decided and not written is decided again by the next."""
        self._closed = True
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def _not_written(self, turn: "Turn", error: sqlite3.Error) -> None:
        self.trouble = f"the journal cannot be written: {error}"
        log.error("the journal cannot be written, nothing goes on until it can: %s", error)
        self._journal.put_back()
        self._commands = turn.commands + self._commands
        self._moved = turn.moved | self._moved
        self._waiting = turn.waiting + self._waiting
        asyncio.get_running_loop().call_later(AGAIN_S, self._end_turn)

    def _written(self, turn: "Turn") -> None:
        self.trouble = ""
        self._in_turn = False
        if self._commands or self._moved or self._waiting:
            self._turn()
        commands, moved, waiting = turn.commands, turn.moved, turn.waiting
        for stored in moved.values():
            if stored.run.state in FINAL:
                self._forget(stored.run)
            _wake(self._watched.pop(stored.run.id, []))
            self.changed(stored)
        _wake(waiting)
        if any(isinstance(command, Crash) for _, command in commands):
            self.crash()
        if any(isinstance(command, Tell) for _, command in commands):
            self.told()
        for id_, command in commands:
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
        run = stored.run
        definition = self._definitions[run.name]
        step = definition.steps[command.step]
        key = key_of(run, definition, command.step, command.direction)
        async with self._room:
            with self._span(run, f"{run.name} {step.name} {command.direction.value}") as trace:
                answer = await self._asked(run, step, command, key, trace)
        present = self._open.get(id_)
        if present is not None:
            self._apply(present, _event(command, answer))

    @contextlib.contextmanager
    def _span(self, run: Run, name: str) -> Iterator[str]:
        """The `traceparent` of the calls made inside."""
        if self.spans is None:
            yield _traceparent(run)
            return
        with self.spans.serving(_traceparent(run), name) as facts:
            if facts is not None:
                facts.note("saga", run.id)
            yield traceparent() or _traceparent(run)

    async def _asked(self, run: Run, step: Step, command: Invoke, key: str, trace: str) -> Answer:
        """What becomes of one call, faults included."""
        call = step.do if command.direction is Direction.DO else step.undo
        if call is None:
            raise RuntimeError(f"step {step.name} has nothing to undo, and was to be undone")

        async def carry_out(timeout_s: float) -> Answer:
            if command.direction is Direction.DO and step.needs is not None:
                needed = await self._call(step.needs, run, f"{key}:needs", trace, timeout_s)
                if not isinstance(needed, Done):
                    return needed
            return await self._call(call, run, key, trace, timeout_s)

        if command.fault is None:
            return await carry_out(step.timeout_s)
        return await faulty(command.fault, step, carry_out, self._clock, self._tasks)

    async def _call(self, call: Call, run: Run, key: str, trace: str, timeout_s: float) -> Answer:
        try:
            request = call.request(run.data)
        except (KeyError, TypeError, ValueError) as error:
            return No(f"its request cannot be made of the saga's data: {error!r}")
        return await self._participants.call(call.service, request, key, trace, timeout_s)


def _event(command: Invoke, answer: Answer) -> Event:
    step, direction = command.step, command.direction
    match answer:
        case Done(output, instance):
            return Succeeded(step, direction, output, instance)
        case No(error, instance, final, refusal):
            return Refused(step, direction, error, instance, final, refusal)
        case Unknown(error, instance):
            return Lost(step, direction, error, instance)
        case Nobody(why):
            return Away(step, direction, why)


def _traceparent(run: Run) -> str:
    """The saga's trace, with the request that started it as the caller."""
    return f"00-{run.trace_id}-{run.span or run.trace_id[:16]}-{'01' if run.traced else '00'}"


def _armed(definition: Definition, given: Mapping[str, Any]) -> dict[str, ArmedFault]:
    """Raises ApiError VALIDATION_FAILED for a step that there is not, or a fault that cannot be."""
    names = [step.name for step in definition.steps]
    armed: dict[str, ArmedFault] = {}
    for step, fault in given.items():
        field = f"faults.{step}"
        if step not in names:
            raise _invalid(field, f"is no step; one of {', '.join(names)}")
        try:
            armed[step] = msgspec.convert(fault, ArmedFault)
        except msgspec.ValidationError as error:
            raise _invalid(field, str(error)) from error
    return armed


def _invalid(field: str, message: str) -> ApiError:
    return ApiError(
        "VALIDATION_FAILED", f"{field}: {message}", details=[ErrorDetail(field=field, message=message)]
    )


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
