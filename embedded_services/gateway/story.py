"""What a sampled request does, step by step: begun with the request, and filled in where something takes time.

A request that is not sampled has no story, and pays nothing for it.
"""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from embedded_services.common.clock import Clock
from embedded_services.contracts.gateway import Attempt


class Calling(NamedTuple):
    """A call to a service. `began` is the monotonic clock's. A `span` of its own has the call that is one of several."""

    service: str
    began: float
    attempts: tuple[Attempt, ...]
    span: str | None = None
    name: str = ""
    took_s: float = 0.0


class Step(NamedTuple):
    name: str
    began: float
    took_s: float
    error: str


class Story:
    __slots__ = ("_clock", "steps")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.steps: list[Step] = []

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What happens inside is a step. An exception makes it one that failed."""
        began = self._clock.monotonic()
        error = ""
        try:
            yield
        except BaseException as failure:
            error = str(failure) or type(failure).__name__
            raise
        finally:
            self.steps.append(Step(name, began, self._clock.monotonic() - began, error))

    def now(self) -> float:
        """The monotonic clock's."""
        return self._clock.monotonic()
