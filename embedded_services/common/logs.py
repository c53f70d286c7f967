"""Logging: one JSON object a line in the process's log file, so that people, `grep` and the Logs panel can read it.

Fields: `at` (seconds since the epoch), `level`, `process`, `logger`, `message`, and `trace` with the traceback, if any.
A file that reaches `MAX_BYTES` is moved to `<name>.log.1` once; older text is dropped, and the new file says so.
"""

import logging
import logging.handlers
import sys
from pathlib import Path

import msgspec

MAX_BYTES = 10 * 1024 * 1024


class JsonLines(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": round(record.created, 6),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()


class HumanLines(logging.Formatter):
    """For a terminal: time, level, message; a traceback only for what is a bug."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


def log_to_file(process: str, path: Path, level: int = logging.INFO) -> None:
    """Send this process's log to `path`, and nothing anywhere else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(JsonLines(process))
    _install([handler], level)


def log_to_terminal_and_file(process: str, path: Path, level: int = logging.INFO) -> None:
    log_to_file(process, path, level)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HumanLines())
    logging.getLogger().addHandler(handler)


def _install(handlers: list[logging.Handler], level: int) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
