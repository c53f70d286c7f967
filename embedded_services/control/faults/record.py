"""One fault as the control plane keeps it, from its arming to the end of its being shown."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from embedded_services.contracts.faults import (
    ArmedFault,
    Fault,
    FaultScope,
    FaultState,
    FaultTarget,
    NewFault,
    Proof,
)
from embedded_services.faults.catalogue import Kind
from embedded_services.faults.params import CrashLoop, Params, StayDown

IN_FORCE = (FaultState.PENDING, FaultState.ACTIVE)


@dataclass(kw_only=True)
class Record:
    """`target` is as it was given, `aim` the same with what follows from it (the service of an instance). `armed_at`,
    `deadline` and `ended_at` are monotonic; the same moments as people read them are in `…_wall`."""

    id: str
    kind: Kind
    target: FaultTarget
    aim: FaultTarget
    params: Params
    probability: float
    scope: FaultScope
    seed: int
    ttl: float
    armed_at: float
    armed_wall: float
    deadline: float
    expires_wall: float
    state: FaultState = FaultState.PENDING
    ended_wall: float | None = None
    detail: str = ""
    waits_for: list[str] = field(default_factory=list)

    @property
    def in_force(self) -> bool:
        return self.state in IN_FORCE

    @property
    def process(self) -> str | None:
        """The process that a fault of a process is done to."""
        return self.aim.instance or self.aim.process

    @property
    def stays_down(self) -> bool:
        return isinstance(self.params, StayDown) and self.params.stay_down

    @property
    def is_crash_loop(self) -> bool:
        return isinstance(self.params, CrashLoop)

    @property
    def times(self) -> int:
        """How often it acts at most, 0 for as often as it can."""
        return int(getattr(self.params, "times", 0))

    @property
    def given_params(self) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.to_builtins(self.params)
        return told

    @property
    def aimed_at(self) -> str:
        """For people."""
        given: dict[str, str] = msgspec.to_builtins(self.target)
        return ", ".join(f"{field} {value}" for field, value in given.items()) or "everything"

    def armed(self) -> ArmedFault:
        """As processes are told it."""
        return ArmedFault(
            id=self.id,
            kind=self.kind.name,
            target=self.aim,
            params=self.given_params,
            probability=self.probability,
            scope=self.scope,
            seed=self.seed,
            armed_at=self.armed_at,
            deadline=self.deadline,
        )

    def fault(self, proof: Proof) -> Fault:
        """As people are told it."""
        return Fault(
            id=self.id,
            kind=self.kind.name,
            target=self.target,
            params=self.given_params,
            probability=self.probability,
            scope=self.scope,
            seed=self.seed,
            ttl=self.ttl,
            state=self.state,
            armed_at=self.armed_wall,
            expires_at=self.expires_wall,
            proof=proof,
            ended_at=self.ended_wall,
            detail=self.detail or (f"waits for {', '.join(self.waits_for)}" if self.waits_for else ""),
        )


@dataclass(frozen=True)
class Aimed:
    """A wish that has passed all checks but that of the faults in force. An `precedence.Placed`."""

    wish: NewFault
    of: Kind
    aim: FaultTarget
    params: Params
    scope: FaultScope

    @property
    def kind(self) -> str:
        return self.of.name

    @property
    def target(self) -> FaultTarget:
        return self.aim

    @property
    def stays_down(self) -> bool:
        return isinstance(self.params, StayDown) and self.params.stay_down


@dataclass(frozen=True)
class Present:
    """A fault in force, as an `precedence.Placed`."""

    record: Record

    @property
    def kind(self) -> str:
        return self.record.kind.name

    @property
    def target(self) -> FaultTarget:
        return self.record.aim

    @property
    def stays_down(self) -> bool:
        return self.record.stays_down
