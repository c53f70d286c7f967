"""`requests.log`: a JSON line for each request that is recorded, written in batches by a thread, never by who serves.

Lines wait in a bounded buffer; when the disk does not keep up they are dropped, counted, and the file says how many, as
it does of the requests that went well and were too many to write down (`notKept`).
A file that reaches `max_bytes` is moved to `requests.log.1` once, so the log takes at most twice that.
"""

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from embedded_services.common.clock import Clock

FLUSH_S: Final = 0.25
CAPACITY: Final = 50_000
MAX_BYTES: Final = 20 * 1024 * 1024

log = logging.getLogger(__name__)


class RequestLog:
    def __init__(
        self, path: Path, clock: Clock, *, capacity: int = CAPACITY, max_bytes: int = MAX_BYTES
    ) -> None:
        self._path = path
        self._clock = clock
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._lines: list[bytes] = []
        self._some = asyncio.Event()
        self._dropped = 0
        self._not_kept = 0
        self._failing = False

    def add(self, line: bytes) -> None:
        if not self._lines:
            self._some.set()
        if len(self._lines) < self._capacity:
            self._lines.append(line)
        else:
            self._dropped += 1

    def pass_over(self, count: int) -> None:
        """So many requests are not written down."""
        self._not_kept += count
        self._some.set()

    async def run(self) -> None:
        """Write what comes, until cancelled; `flush` afterwards writes the rest. Sleeps while nothing comes."""
        while True:
            await self._some.wait()
            await self._clock.sleep(FLUSH_S)
            self._some.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write all lines that wait. A disk that fails is reported once, and the lines count as dropped."""
        lines, dropped, not_kept = self._lines, self._dropped, self._not_kept
        missing = {name: count for name, count in (("dropped", dropped), ("notKept", not_kept)) if count}
        if not lines and not missing:
            return
        self._lines, self._dropped, self._not_kept = [], 0, 0
        text = b"".join(line + b"\n" for line in lines)
        if missing:
            text += msgspec.json.encode({"at": self._clock.now(), **missing}) + b"\n"
        try:
            await asyncio.to_thread(self._write, text)
            self._failing = False
        except OSError as error:
            self._dropped += len(lines) + dropped
            self._not_kept += not_kept
            if not self._failing:
                log.warning("cannot write %s: %s", self._path, error)
            self._failing = True

    def _write(self, text: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(text)
            full = file.tell() >= self._max_bytes
        if full:
            os.replace(self._path, self._path.with_name(f"{self._path.name}.1"))
