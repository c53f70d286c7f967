"""The logs of all processes, followed in their files: so that what a process said just before it died is there too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.ring import Ring
from embedded_services.contracts.logs import LogEntry

EVERY_S = 0.25
CAPACITY = 20_000
FIRST_BYTES = 256 * 1024
"""How much of what was written before is read: enough to begin with, and never a whole old file."""
MOST_BYTES = 4 * 1024 * 1024

_decode = msgspec.json.Decoder(LogEntry).decode


@dataclass
class _File:
    inode: int
    offset: int
    rest: bytes = b""
    skip_first: bool = False
    """It begins in the middle of a line."""


class LogFiles:
    """Reads what is new in `<folder>/<process>.log` into `ring`, oldest first, four times a second."""

    def __init__(
        self, folder: Path, processes: Callable[[], list[str]], clock: Clock, changed: Callable[[], None]
    ) -> None:
        self.ring: Ring[LogEntry] = Ring(CAPACITY)
        self._folder = folder
        self._processes = processes
        self._clock = clock
        self._changed = changed
        self._files: dict[str, _File] = {}

    async def run(self) -> None:
        while True:
            self.look()
            await self._clock.sleep(EVERY_S)

    def look(self) -> None:
        """Take in what was written since the last look."""
        fresh = [entry for process in self._processes() for entry in self._read(process)]
        for entry in sorted(fresh, key=lambda entry: entry.at):
            self.ring.append(entry)
        if fresh:
            self._changed()

    def _read(self, process: str) -> Iterator[LogEntry]:
        path = self._folder / f"{process}.log"
        try:
            stat = path.stat()
        except OSError:
            return
        known = self._files.get(process)
        if known is None or known.inode != stat.st_ino or stat.st_size < known.offset:
            start = max(0, stat.st_size - FIRST_BYTES) if known is None else 0
            known = self._files[process] = _File(stat.st_ino, start, skip_first=start > 0)
        if stat.st_size == known.offset:
            return
        yield from parse(process, self._lines(path, known), self._clock.now())

    def _lines(self, path: Path, known: _File) -> list[bytes]:
        """Whole new lines; what a writer has not finished waits for the next look."""
        try:
            with path.open("rb") as file:
                file.seek(known.offset)
                data = file.read(MOST_BYTES)
        except OSError:
            return []
        known.offset += len(data)
        *lines, known.rest = (known.rest + data).split(b"\n")
        if known.skip_first and lines:
            known.skip_first = False
            return lines[1:]
        return lines


def parse(process: str, lines: list[bytes], now: float) -> Iterator[LogEntry]:
    """Our own lines as they are; anything else (a library's output, half a line) as `output` of that process."""
    for line in lines:
        if not line.strip():
            continue
        try:
            yield _decode(line)
        except (ValueError, RecursionError):
            text = line.decode("utf-8", "replace")[:2000]
            yield LogEntry(at=now, level="INFO", process=process, logger="output", message=text)
