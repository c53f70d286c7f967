"""Faults as a process is told them, armed now, for tests without a control plane."""

import time
from typing import Any

from embedded_services.contracts.faults import ArmedFault, Faults, FaultScope, FaultTarget
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

    def arm(self, *faults: ArmedFault) -> None:
        """These and no others."""
        self._revision += 1
        self.held.snapshot(Faults(revision=self._revision, items=list(faults)))

    def counted(self, fault: str = "f_a") -> tuple[int, int]:
        """How often it was eligible, and injected."""
        self.held.tell_again()
        counts = {one.id: one for one in self.held.counts()}
        return (counts[fault].eligible, counts[fault].injected) if fault in counts else (0, 0)
