"""What a saga is: its steps in order, what each calls, how each is undone. Plain data and pure functions.

    Saga("order-processing", [
        Step("reserve-inventory", do=Call("order", reserve), undo=Call("order", release)),
        …
    ])

`do` and `undo` make a request of the saga's data; what a step's answer adds to the data, later steps and every undoing
see. An undoing must work also when nobody knows whether its step happened.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from embedded_services.contracts.validation import decode_json

Data = Mapping[str, Any]


@dataclass(frozen=True)
class HttpCall:
    """A request to a service. It carries an Idempotency-Key that is the same in every attempt."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Call:
    """`request` is made of the saga's data; `adds` says what of the answer goes into it, by default all."""

    service: str
    request: Callable[[Data], HttpCall]
    adds: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict


@dataclass(frozen=True)
class Retry:
    """At most `attempts` calls, `first_s` apart at first, twice as long each time up to `longest_s`."""

    attempts: int = 3
    first_s: float = 0.1
    longest_s: float = 2.0

    def wait_s(self, attempts: int) -> float | None:
        """After so many attempts; None when there have been enough."""
        if attempts >= self.attempts:
            return None
        return min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, 30))


PATIENT = Retry(attempts=24, first_s=0.25, longest_s=5.0)
"""For undoing: for a minute and a half in all, because what is not undone needs a person."""


@dataclass(frozen=True)
class Step:
    """`pivot`: once it is done the saga only goes forward. `beside`: runs at the same time as the step before.

    `needs` is asked before `do`, and changes nothing: if it is refused, so is the step. `fails` is what the step says when
    it is made to fail."""

    name: str
    do: Call
    undo: Call | None = None
    needs: Call | None = None
    fails: str = "This step was made to fail"
    retry: Retry = Retry()
    undo_retry: Retry = PATIENT
    timeout_s: float = 3.0
    pivot: bool = False
    beside: bool = False


@dataclass(frozen=True)
class Definition:
    """`check` validates what a run is started with, and raises ApiError. `deadline_s` is for the whole saga, its undoing
    not included."""

    name: str
    steps: Sequence[Step]
    check: Callable[[Data], Data] = dict
    deadline_s: float = 120.0
    stages: tuple[tuple[int, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"saga {self.name}: steps need names of their own")
        stages: list[list[int]] = []
        for index, step in enumerate(self.steps):
            if step.beside and stages:
                stages[-1].append(index)
            else:
                stages.append([index])
        object.__setattr__(self, "stages", tuple(map(tuple, stages)))


def post(path: str, *names: str) -> Callable[[Data], HttpCall]:
    """A POST with these entries of the data, those that are there."""
    return lambda data: HttpCall("POST", path, picked(data, *names))


def picked(given: Data, *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name) is not None}


def checked(decoder: msgspec.json.Decoder[Any], data: Data) -> dict[str, Any]:
    """The data as the decoder's type reads it. Raises ApiError VALIDATION_FAILED with the field at fault."""
    read: dict[str, Any] = msgspec.to_builtins(decode_json(decoder, msgspec.json.encode(data)))
    return read
