"""Fails a test whose code warns or worse, unless the test expects it (qutebrowser's rule).

Watches the loggers of our own packages, and asyncio's for errors (a task whose exception nobody retrieved). It hangs
on those loggers and not on the root, because the code under test may set up the root's handlers.
"""

import logging
import re

WATCHED = {"embedded_services": logging.WARNING, "app": logging.WARNING, "asyncio": logging.ERROR}


class LogGuard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._records: list[tuple[str, str]] = []
        self._expected: list[str] = []
        self._allowed: list[str] = []

    def expect(self, pattern: str) -> None:
        """A message that matches (`re.search`) must be logged, once or more, in this test."""
        self._expected.append(pattern)

    def allow(self, pattern: str) -> None:
        """A message that matches may be logged in this test: what a race decides."""
        self._allowed.append(pattern)

    def emit(self, record: logging.LogRecord) -> None:
        top = record.name.partition(".")[0]
        if record.levelno >= WATCHED[top]:
            trace = f"\n{logging.Formatter().formatException(record.exc_info)}" if record.exc_info else ""
            self._records.append(
                (record.getMessage(), f"{record.levelname} {record.name}: {record.getMessage()}{trace}")
            )

    def complaint(self) -> str | None:
        """What is wrong with what was logged; None when nothing is."""
        known = [*self._expected, *self._allowed]
        unexpected = [
            text for message, text in self._records if not any(re.search(p, message) for p in known)
        ]
        if unexpected:
            return (
                "logged without being expected (ask for the fixture `expect_log` and call "
                "expect_log('regex') if it is meant):\n" + "\n".join(unexpected)
            )
        missing = [
            p for p in self._expected if not any(re.search(p, message) for message, _ in self._records)
        ]
        if missing:
            return f"expected in the log, and not logged: {missing}"
        return None

    def __enter__(self) -> "LogGuard":
        for name in WATCHED:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in WATCHED:
            logging.getLogger(name).removeHandler(self)
