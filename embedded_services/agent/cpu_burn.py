"""The fault `cpu-burn`: threads of this very process that compete with its work, each for its share of the time.

A thread looks at the clock every few milliseconds, so that it ends with its fault whoever is away; and at the latest with
the process, for it is a daemon.
"""

import threading
from collections.abc import Callable
from typing import Final

from embedded_services.faults import params
from embedded_services.faults.armed import Held, LocalFaults

KIND: Final = "cpu-burn"
_PERIOD_S: Final = 0.02


class CpuBurn:
    def __init__(self, faults: LocalFaults, monotonic: Callable[[], float]) -> None:
        self._faults = faults
        self._monotonic = monotonic
        self._fires: dict[str, _Fire] = {}
        faults.on_change(self._heed)
        self._heed()

    @property
    def burning(self) -> bool:
        return any(fire.burning for fire in self._fires.values())

    def _heed(self) -> None:
        """What is armed has changed."""
        if not self._fires and not self._faults.has(KIND):
            return
        held = {one.id: one for one in self._faults.acting(KIND)}
        for fault in [fault for fault in self._fires if fault not in held]:
            self._fires.pop(fault).until = 0.0
        for fault, one in held.items():
            if fault in self._fires:
                self._fires[fault].until = one.timing.deadline
            elif isinstance(one.params, params.CpuBurn):
                self._fires[fault] = _Fire(one, one.params, self._monotonic)
                self._faults.carried_out(one)


class _Fire:
    """`until` is the monotonic clock's, and may be moved from another thread."""

    def __init__(self, held: Held, asked: params.CpuBurn, monotonic: Callable[[], float]) -> None:
        self.until = held.timing.deadline
        self._busy_s = _PERIOD_S * asked.duty_percent / 100
        self._monotonic = monotonic
        self._pause = threading.Event()
        self._threads = [
            threading.Thread(target=self._burn, name=f"{KIND} {number}", daemon=True)
            for number in range(asked.threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def burning(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _burn(self) -> None:
        monotonic = self._monotonic
        while (now := monotonic()) < self.until:
            while monotonic() < now + self._busy_s:
                pass
            if self._busy_s < _PERIOD_S:
                self._pause.wait(_PERIOD_S - self._busy_s)
