"""Runs sagas: hands events to the machine, writes what it decided, and only then does it.

A turn of the loop is one commit for all sagas that moved in it. What was not committed was never begun; what was begun
and not heard of when the process died is asked again under the same key.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.journal import Journal, Stored
from embedded_services.sagas.machine import (
    FINAL,
    Away,
    Begun,
    Command,
    Direction,
    Event,
    Invoke,
    Lost,
    NotNow,
    Recovered,
    Refused,
    Run,
    Succeeded,
    Tell,
    Tick,
    advance,
    key_of,
    new_run,
)
from embedded_services.sagas.participants import Answer, Done, No, Nobody, Participants, Unknown

AT_ONCE: Final = 256
"""Calls under way at a time: more would only wait at the services."""
AGAIN_S: Final = 0.5

log = logging.getLogger(__name__)


class Orchestrator:
    """`changed` hears the id of each saga that moved, after it was committed; `told` that events wait in the outbox."""

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        journal: Journal,
        participants: Participants,
        clock: Clock,
        tasks: Tasks,
        *,
        changed: Callable[[Stored], None] = lambda _: None,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._definitions = definitions
        self._journal = journal
        self._participants = participants
        self._clock = clock
        self._tasks = tasks
        self._changed = changed
        self._told = told
        self._open: dict[str, Stored] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._commands: list[tuple[str, Command]] = []
        self._moved: dict[str, Stored] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._ended: dict[str, list[asyncio.Future[None]]] = {}
        self._in_turn = False
        self._room = asyncio.Semaphore(AT_ONCE)

    # --- what is asked ---

    def recover(self) -> int:
        """Go on with every saga that has not ended. Returns how many there were."""
        count = 0
        for stored in self._journal.unfinished():
            if stored.run.name not in self._definitions:
                log.error("saga %s is a %s, which nobody defines any more", stored.run.id, stored.run.name)
                continue
            self._open[stored.run.id] = stored
            self._apply(stored, Recovered())
            count += 1
        return count

    async def start(
        self,
        name: str,
        data: Mapping[str, Any],
        trace_id: str,
        *,
        step_mode: bool = False,
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
            return self.get(known[1]).run
        now = self._clock.now()
        checked = definition.check(data)
        run = new_run(definition, new_id("saga"), trace_id, checked, now, step_mode=step_mode)
        if request is not None:
            self._journal.remember_request(request[0], request[1], run.id)
        stored = Stored(self._journal.next_seq(), run, 0, now)
        self._open[run.id] = stored
        self._apply(stored, Begun())
        await self._committed()
        return run

    async def act(self, id_: str, event: Event) -> Run:
        """What a person wants of a saga. Raises ApiError NOT_FOUND, or CONFLICT when it is not the time for that."""
        stored = self._open.get(id_) or self.get(id_)
        if stored.run.state in FINAL:
            raise ApiError("CONFLICT", f"saga {id_} has ended: it is {stored.run.state.value}")
        try:
            self._apply(stored, event)
        except NotNow as error:
            raise ApiError("CONFLICT", f"saga {id_}: {error}") from error
        await self._committed()
        return self._moved_or(id_, stored).run

    def get(self, id_: str) -> Stored:
        """As it is in memory, or in the journal. Raises ApiError NOT_FOUND."""
        stored = self._open.get(id_) or self._journal.find(id_)
        if stored is None:
            raise ApiError("NOT_FOUND", f"there is no saga {id_!r}")
        return stored

    async def wait(self, id_: str, seconds: float) -> Run:
        """Until it has ended, at most so long."""
        if id_ in self._open:
            ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._ended.setdefault(id_, []).append(ended)
            try:
                async with asyncio.timeout(seconds):
                    await ended
            except TimeoutError:
                pass
            finally:
                if ended in (waiting := self._ended.get(id_, [])):
                    waiting.remove(ended)
        return self.get(id_).run

    @property
    def unfinished(self) -> int:
        return len(self._open)

    def _moved_or(self, id_: str, stored: Stored) -> Stored:
        return self._open.get(id_) or self._journal.find(id_) or stored

    # --- a transition ---

    def _apply(self, stored: Stored, event: Event) -> None:
        """Raises NotNow; nothing has changed then."""
        definition = self._definitions[stored.run.name]
        now = self._clock.now()
        outcome = advance(definition, stored.run, event, now)
        if outcome.run == stored.run and not outcome.entries and not outcome.commands:
            self._set_timer(stored.run.id, outcome.wake_at, now)
            return
        moved = self._journal.put(replace(stored, run=outcome.run, updated_at=now), outcome.entries)
        id_ = outcome.run.id
        self._open[id_] = self._moved[id_] = moved
        for command in outcome.commands:
            if isinstance(command, Tell):
                self._journal.tell(id_, command.type, command.data, _traceparent(outcome.run), now)
            self._commands.append((id_, command))
        self._set_timer(id_, outcome.wake_at, now)
        self._turn()

    def _set_timer(self, id_: str, at: float | None, now: float) -> None:
        timer = self._timers.pop(id_, None)
        if timer is not None:
            timer.cancel()
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timers[id_] = loop.call_later(max(0.0, at - now), self._tick, id_)

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

    async def _committed(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._turn()
        await waiting

    def _end_turn(self) -> None:
        self._in_turn = False
        try:
            self._journal.commit()
        except sqlite3.Error as error:
            log.error("the journal cannot be written, nothing goes on until it can: %s", error)
            asyncio.get_running_loop().call_later(AGAIN_S, self._turn)
            return
        commands, self._commands = self._commands, []
        moved, self._moved = self._moved, {}
        waiting, self._waiting = self._waiting, []
        for stored in moved.values():
            if stored.run.state in FINAL:
                self._forget(stored.run.id)
            self._changed(stored)
        for future in waiting:
            if not future.done():
                future.set_result(None)
        if any(isinstance(command, Tell) for _, command in commands):
            self._told()
        for id_, command in commands:
            if isinstance(command, Invoke):
                self._tasks.spawn(self._invoke(id_, command), f"{id_} step {command.step}")

    def _forget(self, id_: str) -> None:
        self._open.pop(id_, None)
        for future in self._ended.pop(id_, []):
            if not future.done():
                future.set_result(None)

    # --- calls ---

    async def _invoke(self, id_: str, command: Invoke) -> None:
        stored = self._open.get(id_)
        if stored is None:
            return
        run = stored.run
        definition = self._definitions[run.name]
        step = definition.steps[command.step]
        call = step.do if command.direction is Direction.DO else step.undo
        if call is None:
            raise RuntimeError(f"step {step.name} has nothing to undo, and was to be undone")
        key = key_of(run, definition, command.step, command.direction)
        try:
            request = call.request(run.data)
        except (KeyError, TypeError, ValueError) as error:
            answer: Answer = No(f"its request cannot be made of the saga's data: {error!r}")
        else:
            async with self._room:
                answer = await self._participants.call(
                    call.service, request, key, _traceparent(run), step.timeout_s
                )
        present = self._open.get(id_)
        if present is not None:
            self._apply(present, _event(command, answer))


def _event(command: Invoke, answer: Answer) -> Event:
    step, direction = command.step, command.direction
    match answer:
        case Done(output, instance):
            return Succeeded(step, direction, output, instance)
        case No(error, instance):
            return Refused(step, direction, error, instance)
        case Unknown(error, instance):
            return Lost(step, direction, error, instance)
        case Nobody(why):
            return Away(step, direction, why)


def _traceparent(run: Run) -> str:
    """The saga's trace, with the saga itself as the caller."""
    return f"00-{run.trace_id}-{run.trace_id[:16]}-01"
