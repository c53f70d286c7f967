"""What the journal tells of each step, forward and back: when, how often, by whom. Pure.

A step of a saga says only how it stands now: once it is being undone, when it ran and who served it is in the journal alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from embedded_services.contracts.sagas import Entry

_DONE: Final = "completed"
_ENDS: Final = frozenset(
    {"completed", "failed", "failed, and an earlier call may have happened", "outcome unknown"}
)
_UNDO_ENDS: Final = frozenset({"compensated", "compensation failed", "nothing to compensate"})


@dataclass
class Leg:
    """One way of a step. `ended_at` is None while it is under way; `tries` counts its calls, `hits` those that a fault hit."""

    began_at: float | None = None
    ended_at: float | None = None
    tried_at: float | None = None
    tries: int = 0
    hits: int = 0
    instance: str = ""
    end: str = ""
    said: str = ""
    """Why it failed, or the reason of a person."""


@dataclass
class StepStory:
    forward: Leg = field(default_factory=Leg)
    undo: Leg = field(default_factory=Leg)


@dataclass(frozen=True)
class Turn:
    """When it turned back, at which step (None: at none in particular), and why."""

    at: float
    step: str | None
    why: str


@dataclass
class Story:
    steps: dict[str, StepStory] = field(default_factory=dict)
    turn: Turn | None = None

    def of(self, step: str) -> StepStory:
        return self.steps.get(step) or StepStory()


def story_of(journal: Sequence[Entry]) -> Story:
    story = Story()
    last_end: str | None = None
    for entry in journal:
        if entry.step is not None:
            _take(story.steps.setdefault(entry.step, StepStory()), entry)
            if entry.what in _ENDS:
                last_end = entry.step if entry.what != _DONE else None
        elif entry.what == "compensating":
            story.turn = Turn(entry.at, last_end, entry.detail)
    return story


def _take(step: StepStory, entry: Entry) -> None:
    is_undo = entry.what.startswith("compensation") or entry.what in _UNDO_ENDS or step.undo.tries > 0
    leg = step.undo if is_undo else step.forward
    match entry.what:
        case "called" | "compensation called":
            leg.began_at = leg.began_at if leg.began_at is not None else entry.at
            leg.tried_at = entry.at
            leg.ended_at, leg.end = None, ""
            leg.tries = _number(entry.detail, leg.tries + 1)
        case "fault":
            leg.hits += 1
        case "skipped by a person":
            leg.ended_at, leg.end, leg.said = entry.at, "skipped", entry.detail
        case "completed" | "compensated":
            leg.ended_at, leg.end, leg.instance = entry.at, entry.what, entry.detail
        case what if what in _ENDS or what in _UNDO_ENDS:
            leg.ended_at, leg.end, leg.said = entry.at, what, entry.detail
        case "no answer, asked again" | "compensation failed, asked again":
            leg.said = entry.detail
        case _:
            pass


def _number(detail: str, otherwise: int) -> int:
    word = detail.removeprefix("attempt ")
    return int(word) if word.isdecimal() else otherwise


def entries_of(journal: Sequence[Entry], step: str) -> Sequence[Entry]:
    return [entry for entry in journal if entry.step == step]
