"""The faults in force as they act on steps of sagas: what this process holds, put as a run's own fault would be."""

from collections.abc import Callable
from typing import Final

from embedded_services.contracts.sagas import ArmedFault, FaultKind
from embedded_services.faults.armed import Held, LocalFaults
from embedded_services.faults.params import CrashOrchestrator, FailCompensation, FailStep
from embedded_services.sagas.run import Run


class FaultsInForce:
    """A `faulty.FaultFor`: asked once for each call, and to ask is to decide."""

    def __init__(self, faults: LocalFaults, monotonic: Callable[[], float]) -> None:
        self._faults = faults
        self._monotonic = monotonic

    def __call__(self, run: Run, step: str, undoing: bool) -> ArmedFault | None:
        for kind in _KINDS:
            for held in self._faults.acting(kind.value, saga=run.name, step=step):
                armed = _as_armed(kind, held)
                if armed.acts_on_undo is undoing and held.decide(self._monotonic()):
                    self._faults.note_affected(held, run.id, run.trace_id)
                    return armed
        return None


_KINDS: Final = (
    FaultKind.CRASH_ORCHESTRATOR,
    FaultKind.FAIL_STEP,
    FaultKind.REPLY_LOST,
    FaultKind.FAIL_COMPENSATION,
)
"""Those that can be armed by themselves, the one that ends all first."""


def _as_armed(kind: FaultKind, held: Held) -> ArmedFault:
    params = held.params
    return ArmedFault(
        kind=kind,
        undoing=isinstance(params, FailStep) and params.undoing,
        final=isinstance(params, FailCompensation) and params.final,
        before=isinstance(params, CrashOrchestrator) and params.before,
    )
