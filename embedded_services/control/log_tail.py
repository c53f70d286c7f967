"""The end of a process's log, to say why it ended."""

from pathlib import Path

import msgspec

from embedded_services.contracts.logs import LogEntry

TAIL_BYTES = 16 * 1024


def last_error(path: Path, otherwise: str) -> str:
    """The newest error in the log, in one line; `otherwise` when there is none in its last 16 KiB."""
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
        except msgspec.DecodeError:  # a library's own output, or the first line cut in two
            continue
        if entry.level in ("ERROR", "CRITICAL"):
            cause = entry.trace.strip().splitlines()[-1:] or [entry.message]
            return f"{otherwise}: {cause[0]}"
    return otherwise
