"""The end of a process's log, to say why it ended."""

from pathlib import Path

import msgspec

from embedded_services.contracts.logs import LogEntry

TAIL_BYTES = 16 * 1024


def last_error(path: Path, otherwise: str) -> str:
    """The newest error in the log, in one line; `otherwise` alone when there is none in its last 16 KiB."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return otherwise
    for line in reversed(lines):
        try:
            entry = msgspec.json.decode(line, type=LogEntry)
        except (ValueError, RecursionError):  # a library's own output, or the first line cut in two
            continue
        if entry.level in ("ERROR", "CRITICAL"):
            said = _exception(entry.trace) or entry.message.partition("\n")[0]
            return f"{otherwise}: {said}"
    return otherwise


def _exception(trace: str) -> str:
    """The line that names the exception, of a chain the last; after it come notes, and what some libraries add."""
    _, _, last = trace.rpartition("Traceback (most recent call last):\n")
    return next((line for line in last.splitlines() if line and not line[0].isspace()), "")
