"""One event as a row: what the list shows of it, and its body where that is small. Pure.

A row is made for each event that comes and for each that is scrolled to, so it is cheap; the body of one that is larger
than `KEPT_BODY` is fetched when the event is looked at.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from app.panels.events.summaries import summary
from embedded_services.contracts.events import Seen

KEPT_BODY: Final = 2_000
_UNREAD: Final = 160


@dataclass(frozen=True, slots=True)
class EventRow:
    """`what` says in a few words what it is about. `body` is empty where it is too large to be kept."""

    seq: int
    at: float
    type: str
    source: str
    message_id: str
    trace: str
    size: int
    what: str
    body: str


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A number without an event: one that is on its way, or one that is kept nowhere."""

    seq: int
    is_lost: bool


Row = EventRow | MissingRow


def row_of(seen: Seen) -> EventRow:
    data = data_of(seen.body)
    what = " ".join(seen.body[:_UNREAD].split()) if data is None else summary(seen.type, data)
    return EventRow(
        seq=seen.seq,
        at=seen.at,
        type=seen.type,
        source=seen.source,
        message_id=seen.message_id,
        trace=seen.trace,
        size=seen.size,
        what=what,
        body=seen.body if len(seen.body) <= KEPT_BODY else "",
    )


def decoded(body: str) -> Any:
    """The JSON value, or None for what is none, or only the beginning of one."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def data_of(body: str) -> dict[str, Any] | None:
    """The event's own part of its envelope."""
    value = decoded(body)
    data = value.get("data") if isinstance(value, dict) else None
    return data if isinstance(data, dict) else None
