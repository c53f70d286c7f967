"""What happens to a saga, what is to be done for it, and what its journal says of it: what goes into the machine and what comes
out. Plain data.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from embedded_services.contracts.sagas import ArmedFault, FaultKind
from embedded_services.sagas.run import Direction

# --- what happens ---


class Begun(Struct, frozen=True):
    pass


class Recovered(Struct, frozen=True):
    """The orchestrator was started again: what was being called may or may not have happened."""


class Succeeded(Struct, frozen=True):
    step: int
    direction: Direction
    output: Mapping[str, Any]
    instance: str


class Refused(Struct, frozen=True):
    """The service said no: this call had no effect. `final`: asking again is no use."""

    step: int
    direction: Direction
    error: str
    instance: str | None = None
    final: bool = False
    refusal: Mapping[str, Any] | None = None


class Lost(Struct, frozen=True):
    """Nobody knows whether it happened: no answer in time, or none that says."""

    step: int
    direction: Direction
    error: str
    instance: str | None = None


class Away(Struct, frozen=True):
    """There was nobody to ask: nothing was sent."""

    step: int
    direction: Direction
    why: str


class Injected(Struct, frozen=True):
    """A fault that was not armed for this run acts on the call that is under way."""

    step: int
    kind: FaultKind


class Tick(Struct, frozen=True):
    """Time has passed."""


class Next(Struct, frozen=True):
    pass


class Cancel(Struct, frozen=True):
    reason: str


class TryAgain(Struct, frozen=True):
    """A person wants what is stuck to be tried once more."""


class Skip(Struct, frozen=True):
    reason: str


Event: TypeAlias = (
    Begun | Recovered | Succeeded | Refused | Lost | Away | Injected | Tick | Next | Cancel | TryAgain | Skip
)


# --- what is to be done ---


class Invoke(Struct, frozen=True):
    """`fault` is what is to happen to this call."""

    step: int
    direction: Direction
    attempt: int
    fault: ArmedFault | None = None


class Tell(Struct, frozen=True):
    """An event for all who want to know."""

    type: str
    data: Mapping[str, Any]


class Crash(Struct, frozen=True):
    """The orchestrator is to die as if it were killed."""


Command: TypeAlias = Invoke | Tell | Crash


class Noted(Struct, frozen=True):
    """A line for the journal."""

    what: str
    step: str | None = None
    detail: str = ""


class NotNow(Exception):  # noqa: N818 - an answer
    """The saga is not in a state for that; the text says why."""
