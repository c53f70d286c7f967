"""What is shown of a message, whatever is in it. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiormq.abc import DeliveredMessage

from embedded_services.bus import names
from embedded_services.contracts.events import Seen

BODY_SHOWN: Final = 16 * 1024
MAX_SHOWN: Final = 255


class Known(msgspec.Struct):
    """What of an event's envelope is shown by itself. `data` is not looked into."""

    type: str = ""
    source: str = ""
    message_id: str = msgspec.field(default="", name="messageId")


_decode: Final = msgspec.json.Decoder(Known).decode
_NOTHING: Final = Known()


def known_of(body: bytes) -> Known:
    """Empty texts for what is no event."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING


def seen(message: DeliveredMessage, seq: int, now: float) -> Seen:
    """The event in a message, whatever is in it: what is no event is shown by its routing key."""
    body = message.body
    properties = message.header.properties
    known = known_of(body)
    key = message.routing_key or ""
    return Seen(
        seq=seq,
        at=now,
        type=(known.type or key)[:MAX_SHOWN],
        source=(known.source or properties.app_id or "")[:MAX_SHOWN],
        message_id=(known.message_id or properties.message_id or "")[:MAX_SHOWN],
        routing_key=key,
        trace=trace_of(properties.headers),
        size=len(body),
        body=shown(body),
    )


def shown(body: bytes, most: int = BODY_SHOWN) -> str:
    """Its first `most` bytes."""
    return body[:most].decode(errors="replace")


def trace_of(headers: Mapping[str, Any] | None) -> str:
    """The trace id in `traceparent`; empty for none."""
    parts = text_of((headers or {}).get(names.TRACEPARENT)).split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


def text_of(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
