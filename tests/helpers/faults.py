"""Faults as a process is told them, armed now, for tests without a control plane."""

import time
from typing import Any

from embedded_services.contracts.faults import ArmedFault, FaultCounts, Faults, FaultScope, FaultTarget
from embedded_services.faults.armed import LocalFaults


def fault(
    kind: str,
    *,
    id: str = "f_a",
    target: FaultTarget | None = None,
    probability: float = 1.0,
    scope: FaultScope = FaultScope.REQUEST,
    seed: int = 1,
    ttl: float = 60.0,
    **params: Any,
) -> ArmedFault:
    now = time.monotonic()
    return ArmedFault(
        id=id,
        kind=kind,
        target=target or FaultTarget(service="user"),
        params=params,
        probability=probability,
        scope=scope,
        seed=seed,
        armed_at=now,
        deadline=now + ttl,
    )


class Arming:
    """What the control plane would tell process `slot`."""

    def __init__(self, slot: str = "gateway", service: str = "") -> None:
        self.held = LocalFaults(slot, service, time.monotonic, time.time)
        self._revision = 0
        self._armed: dict[str, ArmedFault] = {}
        self._added = 0

    def arm(self, *faults: ArmedFault) -> None:
        """These and no others."""
        self._armed = {one.id: one for one in faults}
        self._revision += 1
        self.held.snapshot(Faults(revision=self._revision, items=list(faults)))

    def add(
        self, kind: str, target: FaultTarget | None = None, probability: float = 1.0, **params: Any
    ) -> str:
        """Besides those that are armed; gives its id."""
        self._added += 1
        one = fault(
            kind, id=f"f_{self._added}", target=target or FaultTarget(), probability=probability, **params
        )
        self.arm(*self._armed.values(), one)
        return one.id

    def take_back(self, name: str) -> None:
        self.arm(*(one for one in self._armed.values() if one.id != name))

    def counts(self, name: str) -> FaultCounts:
        """All zero as long as nothing was counted."""
        self.held.tell_again()
        return next((one for one in self.held.counts() if one.id == name), FaultCounts(name, 0, 0))

    def counted(self, fault: str = "f_a") -> tuple[int, int]:
        """How often it was eligible, and injected."""
        self.held.tell_again()
        counts = {one.id: one for one in self.held.counts()}
        return (counts[fault].eligible, counts[fault].injected) if fault in counts else (0, 0)
