"""`GET /v1/stream`: what the window shows, as it changes.

The client names topics. It gets one `snapshot` (whole state), then `delta`s whose `rev` counts up by one; a gap
means that it must subscribe again. `events` are appended lists: `from_seq`…`to_seq` is what the frame covers, and
`skipped` how many of those are not in `items` because the client was too slow.
"""

from typing import Any

import msgspec

from embedded_services.contracts.wire import Message, Request

STATE_TOPICS = (
    "system",
    "processes",
    "services",
    "instances",
    "settings",
    "limits",
    "upstreams",
    "gateway",
    "limit-totals",
    "limit-clients",
    "bus",
    "queues",
    "outbox",
    "dead-letters",
    "replays",
    "sagas",
    "saga-counts",
    "ledger",
    "traffic",
    "faults",
)
EVENT_TOPICS = (
    "journal",
    "requests",
    "logs",
    "picks",
    "decisions",
    "events",
    "handled",
    "traffic-samples",
    "timeline",
)


class Subscribe(Request, frozen=True):
    subscribe: list[str]


class Snapshot(Message, tag_field="type", tag="snapshot", frozen=True):
    rev: int
    state: dict[str, dict[str, Any]]


class Delta(Message, tag_field="type", tag="delta", frozen=True):
    rev: int
    set: dict[str, dict[str, Any]] = {}
    remove: dict[str, list[str]] = {}


class Events(Message, tag_field="type", tag="events", frozen=True):
    topic: str
    from_seq: int
    to_seq: int
    items: list[Any]
    skipped: int


class StreamError(Message, tag_field="type", tag="error", frozen=True):
    """The subscription was refused; the connection stays open."""

    code: str
    message: str


Frame = Snapshot | Delta | Events | StreamError

decode_frame = msgspec.json.Decoder(Frame).decode
