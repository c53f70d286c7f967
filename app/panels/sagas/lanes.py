"""A saga as two lanes: its steps in columns, those that run at the same time side by side, and where it turned back. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.fault_marks import StepFault
from app.panels.sagas.cards import Card, Subject
from app.panels.sagas.forward_card import forward_card
from app.panels.sagas.run_rows import failed_step
from app.panels.sagas.step_story import Story, Turn, story_of
from app.panels.sagas.undo_card import undo_card
from embedded_services.contracts.sagas import Saga, SagaDefinition, SagaState, StepState


@dataclass(frozen=True)
class Column:
    forward: Card
    undo: Card
    beside: bool = False
    """Whether it runs at the same time as the column before."""


@dataclass(frozen=True)
class Lanes:
    """`turn` names the column under which it turned back, or is None while it goes forward."""

    columns: tuple[Column, ...]
    turn: Turn | None = None
    turn_column: int | None = None
    reached: int = 0
    """So many columns were begun."""

    @property
    def is_live(self) -> bool:
        return any(column.forward.is_live or column.undo.is_live for column in self.columns)

    def card(self, step: str, way: str) -> Card | None:
        for column in self.columns:
            if column.forward.step == step:
                return column.undo if way == "undo" else column.forward
        return None


def lanes_of(saga: Saga, definition: SagaDefinition | None, in_force: Sequence[StepFault] = ()) -> Lanes:
    """As far as it is known: without its journal, what it was before it was undone is not. `in_force` act on every run."""
    story = story_of(saga.journal)
    defined = {step.name: step for step in definition.steps} if definition is not None else {}
    columns = []
    for number, step in enumerate(saga.steps, 1):
        acting = tuple(one for one in in_force if one.step == step.name and one.saga in (None, saga.name))
        of = Subject(saga, step, number, defined.get(step.name), story.of(step.name), acting)
        beside = of.defined is not None and of.defined.beside and number > 1
        columns.append(Column(forward_card(of), undo_card(of), beside))
    turn = turn_of(saga, story)
    reached = sum(step.state is not StepState.PENDING for step in saga.steps)
    names = [step.name for step in saga.steps]
    place = None
    if turn is not None:
        place = names.index(turn.step) if turn.step in names else max(0, reached - 1)
    return Lanes(tuple(columns), turn, place, reached)


def turn_of(saga: Saga, story: Story) -> Turn | None:
    if saga.state in (SagaState.RUNNING, SagaState.COMPLETED):
        return None
    if story.turn is not None:
        return story.turn
    step = failed_step(saga)
    return Turn(0.0, step.name if step is not None else None, saga.failure)


def idle_lanes(definition: SagaDefinition) -> Lanes:
    """A saga of this definition before it is run."""
    columns = [
        Column(
            Card(step.name, "forward", number, "idle", "", note=step.service, is_pivot=step.pivot),
            Card(step.name, "undo", number, "idle", ""),
            step.beside and number > 1,
        )
        for number, step in enumerate(definition.steps, 1)
    ]
    return Lanes(tuple(columns))
