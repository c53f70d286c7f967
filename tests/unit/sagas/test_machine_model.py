"""Random runs of the machine against services that are only counted: whatever happens, in whatever order, every saga ends,
and what its ending promises is true of the services."""

import contextlib
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_services.contracts.sagas import HoldReason, SagaState, StepState
from embedded_services.sagas.definition import Call, Definition, HttpCall, Retry, Step
from embedded_services.sagas.machine import advance
from embedded_services.sagas.run import FINAL, Direction, Origin, new_run
from embedded_services.sagas.signals import (
    Away,
    Begun,
    Cancel,
    Event,
    Invoke,
    Lost,
    NotNow,
    Recovered,
    Refused,
    Skip,
    Succeeded,
    Tick,
    TryAgain,
)

OUTCOMES = ("ok", "refused", "lost-before", "lost-after", "lost-late", "away")
MAX_EVENTS = 300


def _call(name: str) -> Call:
    return Call(name, lambda data: HttpCall("POST", f"/{name}"), adds=lambda output: {name: True})


DEFINITIONS = (
    Definition(
        "line", [Step(name, _call(name), _call(name), undo_retry=Retry(3, 0.1, 0.1)) for name in "abcde"]
    ),
    Definition(
        "beside",
        [
            Step("a", _call("a"), _call("a"), undo_retry=Retry(2)),
            Step("b", _call("b"), _call("b"), undo_retry=Retry(2)),
            Step("c", _call("c"), _call("c"), beside=True, undo_retry=Retry(2)),
            Step("d", _call("d")),
        ],
    ),
    Definition(
        "pivot",
        [
            Step("a", _call("a"), _call("a"), undo_retry=Retry(2)),
            Step("b", _call("b"), None, pivot=True),
            Step("c", _call("c"), None),
        ],
    ),
)


@dataclass
class Services:
    """Effects by key, as idempotent services have them: an undoing also forbids what comes late."""

    done: set[int] = field(default_factory=set)
    forbidden: set[int] = field(default_factory=set)
    late: list[Invoke] = field(default_factory=list)
    """Calls that arrive when nobody waits for them any more."""

    def call(self, command: Invoke) -> bool:
        if command.direction is Direction.DO:
            if command.step in self.forbidden:
                return False
            self.done.add(command.step)
        else:
            self.forbidden.add(command.step)
            self.done.discard(command.step)
        return True

    def answer(self, command: Invoke, what: str) -> Succeeded | Refused | Lost | Away:
        """What the machine hears of a call. Who did something says so again when asked under the same key."""
        step, direction = command.step, command.direction
        if what == "refused" and (direction is Direction.UNDO or step not in self.done):
            return Refused(step, direction, "no")
        if what == "away":
            return Away(step, direction, "nobody")
        if what == "lost-before":
            return Lost(step, direction, "timeout")
        if what == "lost-late":
            self.late.append(command)
            return Lost(step, direction, "timeout")
        if not self.call(command):
            return Refused(step, direction, "forbidden")
        if what == "lost-after":
            return Lost(step, direction, "reply lost")
        return Succeeded(step, direction, {}, "s-1")


class World:
    """A saga, its services and all that can go wrong, until it ends."""

    def __init__(self, definition: Definition, random: Random) -> None:
        self._definition = definition
        self._random = random
        self._calls: list[Invoke] = []
        self._now = 1000.0
        self.services = Services()
        self.run = new_run(definition, "saga_1", Origin("0" * 32), {"x": 1}, self._now)

    def live(self) -> None:
        self._apply(Begun())
        for number in range(MAX_EVENTS):
            if self.run.state in FINAL:
                self._arrive()
                return
            if self._chance(3):
                self._arrive()
            self._now += 0.5
            self._happen(friendly=number > MAX_EVENTS // 2)  # at last the world is kind
        raise AssertionError(f"it never ends: {self.run}")

    def _arrive(self) -> None:
        late, self.services.late = self.services.late, []
        for command in late:
            self.services.call(command)

    def _happen(self, *, friendly: bool) -> None:
        if self._calls:
            self._answer(friendly=friendly)
        elif self.run.hold is not None and self.run.hold.reason is HoldReason.PERSON:
            self._apply(TryAgain() if friendly or self._chance(2) else Skip("seen to by hand"))
        else:
            if not friendly and self._chance(30):
                with contextlib.suppress(NotNow):
                    self._apply(Cancel("changed my mind"))
            self._now += 10
            self._apply(Tick())

    def _answer(self, *, friendly: bool) -> None:
        command = self._calls.pop(self._random.randrange(len(self._calls)))
        event = self.services.answer(command, "ok" if friendly else self._random.choice(OUTCOMES))
        if not friendly and self._chance(10):  # the orchestrator dies before the answer is written down
            self._calls.clear()
            event_or_restart: Event = Recovered()
        else:
            event_or_restart = event
        self._apply(event_or_restart)

    def _apply(self, event: Event) -> None:
        outcome = advance(self._definition, self.run, event, self._now)
        self.run = outcome.run
        self._calls.extend(command for command in outcome.commands if isinstance(command, Invoke))

    def _chance(self, one_in: int) -> bool:
        return self._random.randrange(one_in) == 0


def check(definition: Definition, random: Random) -> None:
    world = World(definition, random)
    world.live()
    run, services = world.run, world.services
    skipped = {index for index, step in enumerate(run.steps) if step.state is StepState.SKIPPED}
    pivots = {index for index, step in enumerate(definition.steps) if step.pivot}
    undoable = {index for index, step in enumerate(definition.steps) if step.undo is not None}
    if run.state is SagaState.COMPLETED:
        assert services.done >= set(range(len(definition.steps))) - skipped
    else:
        assert run.state is SagaState.COMPENSATED
        assert not (services.done & undoable) - skipped
        assert not services.done & pivots
        assert run.failure
    assert not any(step.calling for step in run.steps)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), definition=st.sampled_from(DEFINITIONS))
def test_every_saga_ends_and_its_ending_is_true(random: Random, definition: Definition) -> None:
    check(definition, random)


@pytest.mark.parametrize("runs", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_seeded_runs_end_truly(runs: int) -> None:
    for seed in range(runs):
        check(DEFINITIONS[seed % len(DEFINITIONS)], Random(seed))
