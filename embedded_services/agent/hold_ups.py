"""Waits that a fault asks for, which end with the fault at the latest: nobody is held up by what was restored."""

import asyncio
from collections.abc import Callable

from embedded_services.faults.armed import Hit, LocalFaults


class HoldUps:
    """One for whoever holds things up, in the event loop's thread."""

    def __init__(self, faults: LocalFaults, monotonic: Callable[[], float]) -> None:
        self._faults = faults
        self._monotonic = monotonic
        self._waiting: dict[asyncio.Future[None], str] = {}
        faults.on_change(self._let_go)

    async def hold_up(self, hit: Hit, seconds: float, until: "asyncio.Future[None] | None" = None) -> float:
        """Wait for so long, until the fault has ended, or until `until` is done. Returns how long that was."""
        began = self._monotonic()
        ended = until if until is not None else asyncio.get_running_loop().create_future()
        self._waiting[ended] = hit.fault
        try:
            await asyncio.wait({ended}, timeout=max(0.0, min(seconds, hit.ends_at - began)))
        finally:
            del self._waiting[ended]
        return self._monotonic() - began

    def _let_go(self) -> None:
        for ended, fault in self._waiting.items():
            if fault not in self._faults and not ended.done():
                ended.set_result(None)
