"""Carrying out a call of a step: its request made of the data, sent under its key, and with what a fault does to it."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.sagas import ArmedFault
from embedded_services.sagas.definition import Call, Definition, Step
from embedded_services.sagas.faulty import faulty
from embedded_services.sagas.participants import Answer, Done, No, Nobody, Participants, Unknown
from embedded_services.sagas.run import Direction, Run, key_of
from embedded_services.sagas.signals import Away, Event, Invoke, Lost, Refused, Succeeded
from embedded_services.telemetry.spans import SpanBook, traceparent

AT_ONCE: Final = 256
"""Calls under way at a time: more would only wait at the services."""


class Calls:
    """`spans` are told of traced sagas."""

    def __init__(self, participants: Participants, clock: Clock, tasks: Tasks) -> None:
        self._participants = participants
        self._clock = clock
        self._tasks = tasks
        self._room = asyncio.Semaphore(AT_ONCE)
        self.spans: SpanBook | None = None

    async def carry_out(
        self, run: Run, definition: Definition, command: Invoke, fault: ArmedFault | None
    ) -> Event:
        """What became of it, `fault` included."""
        step = definition.steps[command.step]
        key = key_of(run, definition, command.step, command.direction)
        async with self._room:
            with self._span(run, f"{run.name} {step.name} {command.direction.value}") as trace:
                return _event(command, await self._asked(run, step, command, key, trace, fault))

    @contextlib.contextmanager
    def _span(self, run: Run, name: str) -> Iterator[str]:
        """The `traceparent` of the calls made inside."""
        if self.spans is None:
            yield traceparent_of(run)
            return
        with self.spans.serving(traceparent_of(run), name) as facts:
            if facts is not None:
                facts.note("saga", run.id)
            yield traceparent() or traceparent_of(run)

    async def _asked(
        self, run: Run, step: Step, command: Invoke, key: str, trace: str, fault: ArmedFault | None
    ) -> Answer:
        call = step.do if command.direction is Direction.DO else step.undo
        if call is None:
            raise RuntimeError(f"step {step.name} has nothing to undo, and was to be undone")

        async def ask(timeout_s: float) -> Answer:
            if command.direction is Direction.DO and step.needs is not None:
                needed = await self._call(step.needs, run, f"{key}:needs", trace, timeout_s)
                if not isinstance(needed, Done):
                    return needed
            return await self._call(call, run, key, trace, timeout_s)

        if fault is None:
            return await ask(step.timeout_s)
        return await faulty(fault, step, ask, self._clock, self._tasks)

    async def _call(self, call: Call, run: Run, key: str, trace: str, timeout_s: float) -> Answer:
        try:
            request = call.request(run.data)
        except (KeyError, TypeError, ValueError) as error:
            return No(f"its request cannot be made of the saga's data: {error!r}")
        return await self._participants.call(call.service, request, key, trace, timeout_s)


def traceparent_of(run: Run) -> str:
    """The saga's trace, with the request that started it as the caller."""
    return f"00-{run.trace_id}-{run.span or run.trace_id[:16]}-{'01' if run.traced else '00'}"


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
