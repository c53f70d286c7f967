"""A line of a process's log: as it stands in the file, in `GET /v1/logs` and in the stream."""

from typing import Annotated

from msgspec import Meta

from embedded_services.contracts.wire import END, Message, Request, Timestamp

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogEntry(Message, frozen=True, omit_defaults=True):
    """`trace` is a traceback. Output that is no log line of ours has the logger `output` and no level of its own."""

    at: Timestamp
    level: str
    process: str
    logger: str
    message: str
    trace: str = ""


class LogQuery(Request, frozen=True):
    """`level` is the least one wanted; `process` and `q` (a text, in any case) narrow it further."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, Meta(max_length=200)] = ""
    level: Annotated[str, Meta(pattern=r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL)" + END)] = "DEBUG"
    process: Annotated[str, Meta(max_length=60)] = ""
    q: Annotated[str, Meta(max_length=200)] = ""
