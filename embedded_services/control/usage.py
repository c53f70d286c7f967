"""What processes use: proportional memory and CPU, read from the operating system, off the event loop."""

import asyncio
import time
from dataclasses import dataclass

import psutil

from embedded_services.common.clock import Clock

FRESH_S = 1.0
MEMORY_S = 15.0
"""The kernel counts a process's pages for it: that costs more than all else here, and changes slowly."""


@dataclass(frozen=True)
class Usage:
    """`pss` in bytes, at most `MEMORY_S` old, None where the platform has no such figure; `cpu` as a share of one core since
    the last look."""

    pss: int | None
    cpu: float | None


class UsageMeter:
    """Looks at most once in `FRESH_S`, and for processes it has not looked at yet; else it answers what it saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._processes: dict[int, psutil.Process] = {}
        self._seen: dict[int, Usage] = {}
        self._memory: dict[int, tuple[float, int | None]] = {}
        self._asked: frozenset[int] = frozenset()
        self._at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def read(self, pids: list[int]) -> dict[int, Usage]:
        """By pid; a process that has just ended is missing."""
        async with self._one_at_a_time:
            if self._clock.monotonic() - self._at >= FRESH_S or not self._asked.issuperset(pids):
                self._seen = await asyncio.to_thread(self._look, pids)
                self._at, self._asked = self._clock.monotonic(), frozenset(pids)
        return self._seen

    def _look(self, pids: list[int]) -> dict[int, Usage]:
        self._processes = {pid: process for pid, process in self._processes.items() if pid in pids}
        seen = {}
        for pid in pids:
            try:
                first = pid not in self._processes
                process = self._processes.setdefault(pid, psutil.Process(pid))
                cpu = process.cpu_percent() / 100
                seen[pid] = Usage(self._pss(process), None if first else round(cpu, 4))
            except psutil.Error:
                self._processes.pop(pid, None)
        self._memory = {pid: known for pid, known in self._memory.items() if pid in seen}
        return seen

    def _pss(self, process: psutil.Process) -> int | None:
        """A process that is young grows fast, and is looked at each time."""
        now = self._clock.monotonic()
        at, pss = self._memory.get(process.pid, (float("-inf"), None))
        if now - at < MEMORY_S and time.time() - process.create_time() > MEMORY_S:
            return pss
        pss = getattr(process.memory_full_info(), "pss", None)
        self._memory[process.pid] = now, pss
        return pss
