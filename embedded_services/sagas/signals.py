"""What happens to a saga, what is to be done for it, and what its journal says of it: what goes into the machine and what comes
out. Plain data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from embedded_services.contracts.sagas import ArmedFault, FaultKind
from embedded_services.sagas.run import Direction

# --- what happens ---


@dataclass(frozen=True)
class Begun:
    pass


@dataclass(frozen=True)
class Recovered:
    """The orchestrator was started again: what was being called may or may not have happened."""


@dataclass(frozen=True)
class Succeeded:
    step: int
    direction: Direction
    output: Mapping[str, Any]
    instance: str


@dataclass(frozen=True)
class Refused:
    """The service said no: this call had no effect. `final`: asking again is no use."""

    step: int
    direction: Direction
    error: str
    instance: str | None = None
    final: bool = False
    refusal: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Lost:
    """Nobody knows whether it happened: no answer in time, or none that says."""

    step: int
    direction: Direction
    error: str
    instance: str | None = None


@dataclass(frozen=True)
class Away:
    """There was nobody to ask: nothing was sent."""

    step: int
    direction: Direction
    why: str


@dataclass(frozen=True)
class Injected:
    """A fault that was not armed for this run acts on the call that is under way."""

    step: int
    kind: FaultKind


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True)
class Next:
    pass


@dataclass(frozen=True)
class Cancel:
    reason: str


@dataclass(frozen=True)
class TryAgain:
    """A person wants what is stuck to be tried once more."""


@dataclass(frozen=True)
class Skip:
    reason: str


Event: TypeAlias = (
    Begun | Recovered | Succeeded | Refused | Lost | Away | Injected | Tick | Next | Cancel | TryAgain | Skip
)


# --- what is to be done ---


@dataclass(frozen=True)
class Invoke:
    """`fault` is what is to happen to this call."""

    step: int
    direction: Direction
    attempt: int
    fault: ArmedFault | None = None


@dataclass(frozen=True)
class Tell:
    """An event for all who want to know."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Crash:
    """The orchestrator is to die as if it were killed."""


Command: TypeAlias = Invoke | Tell | Crash


@dataclass(frozen=True)
class Noted:
    """A line for the journal."""

    what: str
    step: str | None = None
    detail: str = ""


class NotNow(Exception):  # noqa: N818 - an answer
    """The saga is not in a state for that; the text says why."""
