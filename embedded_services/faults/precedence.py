"""In which order faults that meet in one call act, and which cannot be armed together. Pure.

A call is first held up (by the sum of all delays), then lost before it is sent, then answered in the instance's place;
what got through is answered, the answer lost on its way, slowed down, and at last damaged. The first that ends the call
ends the matter: those behind it were not eligible. Of the same kind, the one armed first.
"""

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from embedded_services.contracts.faults import FaultTarget

BEFORE: Final = ("latency", "drop-connection", "abort")
"""What happens to a call on its way to the instance. A connection may be dropped on either way."""
AFTER: Final = ("drop-connection", "bandwidth", "truncate-body", "malformed-body")
_RANK: Final = {
    "latency": 0,
    "drop-connection": 1,
    "abort": 2,
    "bandwidth": 3,
    "truncate-body": 4,
    "malformed-body": 5,
}

_EXCLUSIVE: Final = {
    "lying-health": {"false-alarm": "one says that a sick instance is well, the other that a well one is sick"},
    "kill": {
        "freeze": "a process that stays down cannot be frozen",
        "crash-loop": "a process that stays down cannot come up to crash again",
        "cpu-burn": "a process that stays down burns nothing",
    },
    "freeze": {
        "crash-loop": "a frozen process does not crash, and a crashed one is not frozen",
        "freeze": "it is frozen already",
        "cpu-burn": "a frozen process burns nothing",
    },
    "crash-loop": {"crash-loop": "it is crashing already"},
}  # fmt: skip
_DOWN: Final = frozenset({"kill", "terminate"})


class Ranked(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def armed_at(self) -> float: ...
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Ranked)


def in_order(faults: Iterable[R]) -> list[R]:
    return sorted(faults, key=lambda fault: (_RANK.get(fault.kind, 0), fault.armed_at, fault.id))


class Placed(Protocol):
    """A fault as far as it can be in another one's way. `stays_down`: it keeps its process from running."""

    @property
    def kind(self) -> str: ...
    @property
    def target(self) -> FaultTarget: ...
    @property
    def stays_down(self) -> bool: ...


def contradiction(wanted: Placed, present: Placed) -> str | None:
    """Why `wanted` makes no sense while `present` is in force; None if it does."""
    if not _may_meet(wanted.target, present.target):
        return None
    for one, other in ((wanted, present), (present, wanted)):
        if one.kind in _DOWN and not one.stays_down:
            continue
        why = _EXCLUSIVE.get("kill" if one.kind == "terminate" else one.kind, {}).get(other.kind)
        if why is not None:
            return why
    if wanted.stays_down and present.stays_down:
        return "it is kept down already"
    return None


def _may_meet(one: FaultTarget, other: FaultTarget) -> bool:
    """Whether something can be meant by both."""
    for mine, theirs in ((one.service, other.service), (_process(one), _process(other))):
        if mine is not None and theirs is not None and mine != theirs:
            return False
    return True


def _process(target: FaultTarget) -> str | None:
    return target.instance or target.process
