"""A message, and its place in a queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from embedded_services.broker.content_header import Properties

PERSISTENT: Final = 2
ENTRY_BYTES: Final = 600
"""What a message in memory takes besides its body, about."""


@dataclass(slots=True)
class Message:
    """`payload` is the content header's flags and properties as they go on the wire. One message may wait in several
    queues; it is never changed: a dead letter is a new one."""

    exchange: str
    routing_key: str
    properties: Properties
    payload: bytes
    body: bytes

    @property
    def headers(self) -> Mapping[str, Any]:
        return self.properties.headers

    @property
    def persistent(self) -> bool:
        return self.properties.delivery_mode == PERSISTENT

    @property
    def size(self) -> int:
        return len(self.body)


@dataclass(slots=True)
class Entry:
    """`seq` is the place in the queue, for good: a message that comes back takes it again. `expires_at` is seconds since the
    epoch; `ttl` says that it is the message's own. `stored`: it is in the store, or will be with the next commit.
    `deliveries` counts those that came back."""

    seq: int
    message: Message
    expires_at: float | None = None
    redelivered: bool = False
    deliveries: int = 0
    stored: bool = False

    def __lt__(self, other: "Entry") -> bool:
        return self.seq < other.seq
