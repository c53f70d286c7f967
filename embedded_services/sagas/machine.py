"""The life of a saga: `(definition, run, event, now) → (run, commands, entries)`, pure.

Every transition is written down (`entries`) before its commands are carried out. Whatever is lost between the two, a
recovered run comes to the same commands again, and the calls carry the same keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.structs import replace

from embedded_services.contracts.sagas import ArmedFault, FaultKind, HoldReason, SagaState, StepState
from embedded_services.sagas.definition import Definition, Step
from embedded_services.sagas.run import FINAL, Direction, HoldRun, Run, StepRun
from embedded_services.sagas.signals import (
    Away,
    Begun,
    Cancel,
    Command,
    Crash,
    Event,
    Injected,
    Invoke,
    Lost,
    Next,
    Noted,
    NotNow,
    Recovered,
    Refused,
    Skip,
    Succeeded,
    Tell,
    Tick,
    TryAgain,
)

AWAY_FIRST_S: Final = 0.25
AWAY_LONGEST_S: Final = 3.0


@dataclass
class Outcome:
    """`wake_at` is when `Tick` is wanted at the latest; None if time alone changes nothing."""

    run: Run
    commands: list[Command] = field(default_factory=list)
    entries: list[Noted] = field(default_factory=list)

    @property
    def wake_at(self) -> float | None:
        run = self.run
        times = [step.next_try_at for step in run.steps if step.next_try_at is not None]
        if run.state is SagaState.RUNNING and run.deadline_at is not None:
            times.append(run.deadline_at)
        return min(times) if times and run.state not in FINAL else None


def advance(definition: Definition, run: Run, event: Event, now: float) -> Outcome:
    """Raises NotNow for what a person asks at the wrong time; nothing has changed then."""
    machine = _Machine(definition, run, now)
    machine.take(event)
    machine.go_on()
    return Outcome(machine.run, machine.commands, machine.entries)


class _Machine:
    """One transition. It changes copies."""

    def __init__(self, definition: Definition, run: Run, now: float) -> None:
        self.definition = definition
        self.run = run
        self.now = now
        self.commands: list[Command] = []
        self.entries: list[Noted] = []

    # --- small things ---

    def _step(self, index: int) -> Step:
        return self.definition.steps[index]

    def _set(self, index: int, **changes: Any) -> None:
        steps = list(self.run.steps)
        steps[index] = replace(steps[index], **changes)
        self.run = replace(self.run, steps=tuple(steps))

    def _note(self, what: str, step: int | None = None, detail: str = "") -> None:
        self.entries.append(Noted(what, None if step is None else self._step(step).name, detail))

    def _tell(self, type_: str, **data: Any) -> None:
        self.commands.append(Tell(f"saga.{type_}", {"id": self.run.id, "name": self.run.name, **data}))

    def _hold(self, reason: HoldReason, why: str) -> None:
        held = self.run.hold
        if held is None or held.reason is not reason or held.why != why:
            self.run = replace(self.run, hold=HoldRun(reason, self.now, why))
            self._note(f"waits for {reason.value}", detail=why)

    def _release(self) -> None:
        if self.run.hold is not None:
            self.run = replace(self.run, hold=None)

    @property
    def _past_pivot(self) -> bool:
        """Whether the point of no return may have been passed: a pivot that was called may have happened."""
        return any(
            step.pivot
            and (
                run.state in (StepState.COMPLETED, StepState.UNKNOWN, StepState.SKIPPED)
                or (run.state is StepState.RUNNING and (run.calling or run.unsure))
            )
            for step, run in zip(self.definition.steps, self.run.steps, strict=True)
        )

    # --- events ---

    def take(self, event: Event) -> None:
        match event:
            case Begun():
                self._note("started")
                self._tell("started", data=dict(self.run.data))
            case Recovered():
                self._recovered()
            case Succeeded(step, direction, output, instance):
                self._succeeded(step, direction, output, instance)
            case Refused():
                self._refused(event)
            case Lost(step, direction, error, instance):
                self._lost(step, direction, error, instance)
            case Away(step, direction, why):
                self._away(step, direction, why)
            case Injected(step, kind):
                self._note("fault", step, kind.value)
            case Tick():
                self._tick()
            case Next() | Cancel() | TryAgain() | Skip():
                self._asked(event)

    def _asked(self, wish: Next | Cancel | TryAgain | Skip) -> None:
        """What a person wants. Raises NotNow."""
        match wish:
            case Next():
                self._next()
            case Cancel(reason):
                self._cancel(reason)
            case TryAgain():
                self._try_again()
            case Skip(reason):
                self._skip(reason)

    def _recovered(self) -> None:
        for index, step in enumerate(self.run.steps):
            if step.calling:
                unsure = step.unsure or step.state is StepState.RUNNING
                self._set(index, calling=False, unsure=unsure, next_try_at=self.now)
                self._note(
                    "recovered", index, "its outcome was not written down; asked again under the same key"
                )

    def _current(self, index: int, direction: Direction) -> bool:
        """Whether the answer is to what is being called: one that comes late changes nothing. If it is, nobody waits for a
        service any more."""
        run = self.run.steps[index]
        wanted = StepState.RUNNING if direction is Direction.DO else StepState.COMPENSATING
        if not run.calling or run.state is not wanted:
            return False
        if self.run.hold is not None and self.run.hold.reason is HoldReason.SERVICE:
            self._release()
        return True

    def _succeeded(self, index: int, direction: Direction, output: Mapping[str, Any], instance: str) -> None:
        if not self._current(index, direction):
            return
        name = self._step(index).name
        if direction is Direction.DO:
            added = dict(self._step(index).do.adds(output))
            self.run = replace(self.run, data={**self.run.data, **added})
            self._set(
                index, **_ended(StepState.COMPLETED, self.now), output=added, instance=instance, error=None
            )
            self._note("completed", index, instance)
            self._tell("step.completed", step=name)
            self._crash(index, direction, before=False)
        else:
            self._set(index, **_ended(StepState.COMPENSATED, self.now), instance=instance, error=None)
            self._note("compensated", index, instance)
            self._tell("step.compensated", step=name)
            self._crash(index, direction, before=False)

    def _refused(self, said: Refused) -> None:
        index, error, instance = said.step, said.error, said.instance
        if not self._current(index, said.direction):
            return
        if said.direction is Direction.UNDO:
            self._undo_failed(index, error, instance, final=said.final)
            return
        first = not self.run.steps[index].unsure
        if self._past_pivot and not (first and self._step(index).pivot):
            self._forward_again(index, error, instance)
            return
        # An earlier call of which nothing was heard may still arrive, and find what this one missed.
        state = StepState.FAILED if first else StepState.UNKNOWN
        self._set(index, **_ended(state, self.now), instance=instance, error=error, refusal=said.refusal)
        self._note("failed" if first else "failed, and an earlier call may have happened", index, error)
        self._tell("step.failed", step=self._step(index).name, error=error)
        self._turn_back(error)
        self._crash(index, said.direction, before=False)

    def _lost(self, index: int, direction: Direction, error: str, instance: str | None) -> None:
        if not self._current(index, direction):
            return
        if direction is Direction.UNDO:
            self._undo_failed(index, error, instance)
            return
        self._set(index, unsure=True)
        wait_s = self._step(index).retry.wait_s(self.run.steps[index].attempts)
        if wait_s is not None:
            self._set(index, calling=False, next_try_at=self.now + wait_s, instance=instance, error=error)
            self._note("no answer, asked again", index, error)
        elif self._past_pivot:
            self._forward_again(index, error, instance)
        else:
            self._set(index, **_ended(StepState.UNKNOWN, self.now), instance=instance, error=error)
            self._note("outcome unknown", index, error)
            self._tell("step.failed", step=self._step(index).name, error=error)
            self._turn_back(error)
            self._crash(index, direction, before=False)

    def _away(self, index: int, direction: Direction, why: str) -> None:
        """Nobody was asked, so no attempt was made: wait until there is somebody."""
        if not self._current(index, direction):
            return
        step = self.run.steps[index]
        wait_s = min(AWAY_LONGEST_S, AWAY_FIRST_S * 2.0 ** min(step.away, 20))
        self._set(
            index,
            calling=False,
            away=step.away + 1,
            attempts=step.attempts - 1,
            next_try_at=self.now + wait_s,
            error=why,
        )
        self._hold(HoldReason.SERVICE, why)

    def _forward_again(self, index: int, error: str, instance: str | None) -> None:
        """There is no way back: a person has to look, and says when to try again or to go on without."""
        self._set(index, calling=False, next_try_at=None, instance=instance, error=error)
        self._hold(HoldReason.PERSON, f"{self._step(index).name}: {error}")

    def _undo_failed(self, index: int, error: str, instance: str | None, *, final: bool = False) -> None:
        wait_s = None if final else self._step(index).undo_retry.wait_s(self.run.steps[index].attempts)
        if wait_s is not None:
            self._set(index, calling=False, next_try_at=self.now + wait_s, instance=instance, error=error)
            self._note("compensation failed, asked again", index, error)
            return
        self._set(index, **_ended(StepState.COMPENSATION_FAILED, self.now), instance=instance, error=error)
        self.run = replace(self.run, state=SagaState.COMPENSATION_FAILED)
        self._note("compensation failed", index, error)
        self._hold(HoldReason.PERSON, f"{self._step(index).name} could not be undone: {error}")
        self._tell("compensation-failed", step=self._step(index).name, error=error)

    def _tick(self) -> None:
        run = self.run
        if run.state is SagaState.RUNNING and run.deadline_at is not None and self.now >= run.deadline_at:
            self.run = replace(run, deadline_at=None)
            if self._past_pivot:
                self._note("deadline passed", detail="past the point of no return: it goes on")
            else:
                self._note("deadline passed")
                self._turn_back(f"not done within {self.definition.deadline_s:g} s")

    def _next(self) -> None:
        if self.run.allowed is None:
            raise NotNow("this saga does not run step by step")
        if self.run.hold is None or self.run.hold.reason is not HoldReason.NEXT:
            raise NotNow("it does not wait for the next step")
        self.run = replace(self.run, allowed=self.run.allowed + 1, hold=None)
        self._note("next")

    def _cancel(self, reason: str) -> None:
        if self.run.state is not SagaState.RUNNING:
            raise NotNow(f"it is {self.run.state.value}: only a running saga can be cancelled")
        if self._past_pivot:
            raise NotNow("it has passed the point of no return")
        self._note("cancelled", detail=reason)
        self._turn_back(f"cancelled: {reason}" if reason else "cancelled")

    def _try_again(self) -> None:
        index = self._stuck()
        self._release()
        if self.run.state is SagaState.COMPENSATION_FAILED:
            self.run = replace(self.run, state=SagaState.COMPENSATING)
            self._set(index, state=StepState.COMPENSATING, ended_at=None)
        self._set(index, attempts=0, next_try_at=self.now)
        self._note("tried again by a person", index)

    def _skip(self, reason: str) -> None:
        if not reason.strip():
            raise NotNow("skipping needs a reason")
        index = self._stuck()
        self._release()
        if self.run.state is SagaState.COMPENSATION_FAILED:
            self.run = replace(self.run, state=SagaState.COMPENSATING)
        self._set(index, **_ended(StepState.SKIPPED, self.now))
        self._note("skipped by a person", index, reason)

    def _stuck(self) -> int:
        """The step that a person has to decide about."""
        hold = self.run.hold
        if hold is None or hold.reason is not HoldReason.PERSON:
            raise NotNow("nothing of it waits for a person")
        for index, step in enumerate(self.run.steps):
            if step.state is StepState.COMPENSATION_FAILED or (
                step.state is StepState.RUNNING and not step.calling and step.next_try_at is None
            ):
                return index
        raise NotNow("nothing of it waits for a person")

    # --- going on ---

    def _turn_back(self, why: str) -> None:
        """From now on it undoes what it did."""
        if self.run.state is not SagaState.RUNNING:
            return
        self._release()
        self.run = replace(self.run, state=SagaState.COMPENSATING, failure=why)
        self._note("compensating", detail=why)
        self._tell("compensating", reason=why)

    def go_on(self) -> None:
        """Begin whatever can begin now."""
        if self.run.state is SagaState.RUNNING:
            self._go_forward()
        if self.run.state is SagaState.COMPENSATING:
            self._go_back()

    def _go_forward(self) -> None:
        done = (StepState.COMPLETED, StepState.SKIPPED)
        for stage in self.definition.stages:
            states = [self.run.steps[index].state for index in stage]
            if all(state in done for state in states):
                continue
            for index in stage:
                self._begin(index)
            return
        self._release()
        self.run = replace(self.run, state=SagaState.COMPLETED)
        self._note("completed")
        self._tell("completed")

    def _begin(self, index: int) -> None:
        step = self.run.steps[index]
        if step.state is StepState.PENDING:
            if self.run.allowed is not None:
                begun = sum(s.state is not StepState.PENDING for s in self.run.steps)
                if begun >= self.run.allowed:
                    self._hold(HoldReason.NEXT, f"before {self._step(index).name}")
                    return
            self._invoke(index, Direction.DO, state=StepState.RUNNING, started_at=self.now)
        elif step.state is StepState.RUNNING and _is_due(step, self.now):
            self._invoke(index, Direction.DO)

    def _go_back(self) -> None:
        if any(step.calling and step.state is StepState.RUNNING for step in self.run.steps):
            return  # what is under way must end first, one way or another
        for index, step in enumerate(self.run.steps):
            if step.state is StepState.RUNNING:
                # It waited for another attempt, and will not get it: whether an earlier one happened nobody knows.
                state = StepState.UNKNOWN if step.unsure else StepState.PENDING
                self._set(index, state=state, next_try_at=None, ended_at=self.now)
        for index in reversed(range(len(self.run.steps))):
            step = self.run.steps[index]
            if step.state in (StepState.COMPLETED, StepState.UNKNOWN):
                if self._step(index).undo is None:
                    self._set(index, state=StepState.COMPENSATED, ended_at=self.now)
                    self._note("nothing to compensate", index)
                    continue
                self._set(index, state=StepState.COMPENSATING, attempts=0, away=0, ended_at=None)
                self._invoke(index, Direction.UNDO, started_at=self.now)
                return
            if step.state is StepState.COMPENSATING:
                if _is_due(step, self.now):
                    self._invoke(index, Direction.UNDO)
                return
        self._release()
        self.run = replace(self.run, state=SagaState.COMPENSATED)
        self._note("compensated")
        self._tell("compensated", reason=self.run.failure)

    def _invoke(self, index: int, direction: Direction, **changes: Any) -> None:
        attempt = self.run.steps[index].attempts + 1
        self._set(index, calling=True, attempts=attempt, next_try_at=None, **changes)
        self._note(
            "called" if direction is Direction.DO else "compensation called", index, f"attempt {attempt}"
        )
        if not self._crash(index, direction, before=True):
            self.commands.append(Invoke(index, direction, attempt, self._hit(index, direction)))

    # --- faults that were armed for this run ---

    def _armed(self, index: int, direction: Direction) -> ArmedFault | None:
        if not self.run.faults:
            return None
        fault = self.run.faults.get(self._step(index).name)
        if fault is None or fault.acts_on_undo is not (direction is Direction.UNDO):
            return None
        times = 1 if fault.kind is FaultKind.CRASH_ORCHESTRATOR else fault.times
        return fault if times is None or self.run.steps[index].hit < times else None

    def _hit(self, index: int, direction: Direction) -> ArmedFault | None:
        """The fault that acts on this call. That it does is written down first, so that it is counted also through a crash."""
        fault = self._armed(index, direction)
        if fault is None or fault.kind is FaultKind.CRASH_ORCHESTRATOR:
            return None
        self._set(index, hit=self.run.steps[index].hit + 1)
        self._note("fault", index, fault.kind.value)
        return fault

    def _crash(self, index: int, direction: Direction, *, before: bool) -> bool:
        fault = self._armed(index, direction)
        if fault is None or fault.kind is not FaultKind.CRASH_ORCHESTRATOR or fault.before is not before:
            return False
        self._set(index, hit=self.run.steps[index].hit + 1)
        self._note("fault", index, fault.kind.value)
        self.commands.append(Crash())
        return True


def _ended(state: StepState, now: float) -> dict[str, Any]:
    return {"state": state, "ended_at": now, "calling": False, "next_try_at": None, "away": 0}


def _is_due(step: StepRun, now: float) -> bool:
    return not step.calling and step.next_try_at is not None and step.next_try_at <= now
