"""The newest requests through the gateway, which of them pass the filter, and an honest count of the rest. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from app.core.focus import Focus
from app.panels.gateway.tally import Tally
from embedded_services.contracts.system import RequestRecord

CAPACITY: Final = 10_000
Kind = Literal["all", "retried", "failed"]


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A record with its number in the stream."""

    seq: int
    record: RequestRecord

    @property
    def is_failed(self) -> bool:
        return self.record.status >= 500

    @property
    def is_retried(self) -> bool:
        return self.record.tries > 1 and self.record.service is not None

    def contains(self, words: Sequence[str]) -> bool:
        record = self.record
        parts = (
            record.path, str(record.status), record.trace, record.id, record.method, record.instance or "",
            record.user or "", record.note,
        )  # fmt: skip
        text = "\n".join(parts).casefold()
        return all(word in text for word in words)


@dataclass(frozen=True)
class RequestFilter:
    """`text` is looked for in path, status, trace, method, instance, user and note, each word in any case; with a `focus`
    only what belongs to it passes."""

    kind: Kind = "all"
    text: str = ""
    focus: Focus | None = None

    @property
    def is_active(self) -> bool:
        return self != RequestFilter()

    def passing(self, rows: Sequence[LoggedRequest]) -> list[LoggedRequest]:
        words = self.text.casefold().split()
        found = [row for row in rows if self._is_kind(row) and (not words or row.contains(words))]
        focus = self.focus
        return found if focus is None else [row for row in found if belongs(row.record, focus)]

    def _is_kind(self, row: LoggedRequest) -> bool:
        return self.kind == "all" or (row.is_failed if self.kind == "failed" else row.is_retried)


def belongs(record: RequestRecord, focus: Focus) -> bool:
    """One of its requests, or one that met its instances since."""
    if record.trace in focus.traces:
        return True
    if not focus.has_time(record.at):
        return False
    if focus.limited and record.status == 429:
        return True
    if record.service not in focus.services:
        return False
    met = [record.instance, *(attempt.instance for attempt in record.attempts)]
    return any(focus.has_instance(instance, record.service) for instance in met)


class RequestBook:
    """At most `capacity` rows, oldest first; `tally` tells how many there were that were not recorded."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.rows: deque[LoggedRequest] = deque(maxlen=capacity)
        self.tally = Tally()

    def take(self, rows: Sequence[LoggedRequest], total: int) -> list[LoggedRequest]:
        """The new ones among `rows` that are kept, which are in order; `total` counts all requests there were."""
        newest = self.newest
        fresh = [row for row in rows if row.seq > newest]
        self.tally.see(len(fresh), total)
        self.rows.extend(fresh)
        return fresh[-(self.rows.maxlen or 0) :]

    def clear(self) -> None:
        self.rows.clear()
        self.tally = Tally()

    @property
    def newest(self) -> int:
        """The highest number held; 0 for none."""
        return self.rows[-1].seq if self.rows else 0

    @property
    def oldest(self) -> int:
        """The lowest number held; 0 for none."""
        return self.rows[0].seq if self.rows else 0
