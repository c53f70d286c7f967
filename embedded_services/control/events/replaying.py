"""What a dead letter becomes when it is sent again. Pure.

It keeps its trace and loses the history of its failures. By default it goes under its own id to the one queue whose
service failed; to the exchange and key of its first time, or under a new id, when that is asked for. A new id follows from
the old one and from how often it was replayed: either way a replay that broke off between the broker's word and the
removal can be repeated, and those who have handled it will know it.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from pamqp.commands import Basic

from embedded_services.bus import names
from embedded_services.contracts.events import Envelope
from embedded_services.contracts.queues import ReplayOptions
from embedded_services.contracts.validation import decode_json, invalid

REPLAYS: Final = "x-replays"
REPLAYED_FROM: Final = "x-replayed-from"

_DROPPED: Final = frozenset(
    {names.ATTEMPTS, names.FAILURES, names.REASON, names.FIRST_EXCHANGE, names.FIRST_KEY, "x-delivery-count"}
)
_DEATHS: Final = re.compile(r"x-(death|(first|last)-death-.*)$")
_NUMBERED: Final = re.compile(r"\.r\d+(-[0-9a-f]{8})?$")
_MAX_ID: Final = 80
_PERSISTENT: Final = 2

_envelope: Final = msgspec.json.Decoder(Envelope)
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Copy:
    """A message to be published."""

    exchange: str
    routing_key: str
    body: bytes
    properties: Basic.Properties
    message_id: str


def replayed(
    queue: str, body: bytes, properties: Basic.Properties, message_id: str, options: ReplayOptions
) -> Copy:
    """The message that lies dead in `queue`, as it is sent again. Raises VALIDATION_FAILED for an edit that is no event."""
    headers: dict[str, Any] = dict(properties.headers or {})
    number = replays_of(headers) + 1
    exchange = _text(headers.get(names.FIRST_EXCHANGE))
    key = _text(headers.get(names.FIRST_KEY)) or queue.removesuffix(".dead")
    edit: dict[str, Any] = {}
    if options.body is not None:
        body = options.body.encode()
        event = decode_json(_envelope, body)
        edit["messageId"] = message_id
        if options.type is None and exchange:
            key = event.type
    if options.type is not None:
        edit["type"] = options.type
        key = options.type if exchange else key
    if not options.keep_id:
        edited = hashlib.sha256(body + (options.type or "").encode()).hexdigest()[:8]
        is_edit = options.body is not None or options.type is not None
        message_id = f"{_NUMBERED.sub('', message_id)[:_MAX_ID]}.r{number}{'-' + edited if is_edit else ''}"
        edit["messageId"] = message_id
    if options.to == "queue":
        exchange, key = "", queue.removesuffix(".dead")
    kept = {
        name: value for name, value in headers.items() if name not in _DROPPED and not _DEATHS.match(name)
    }
    return Copy(
        exchange=exchange,
        routing_key=key,
        body=_edited(body, edit, must=options.type is not None),
        properties=Basic.Properties(
            content_type=properties.content_type,
            content_encoding=properties.content_encoding,
            headers={**kept, REPLAYS: number, REPLAYED_FROM: queue},
            delivery_mode=_PERSISTENT,
            priority=properties.priority,
            correlation_id=properties.correlation_id,
            reply_to=properties.reply_to,
            message_id=message_id,
            timestamp=properties.timestamp,
            message_type=properties.message_type,
            app_id=properties.app_id,
        ),
        message_id=message_id,
    )


def replays_of(headers: dict[str, Any] | None) -> int:
    value = (headers or {}).get(REPLAYS)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1_000_000 else 0


def _edited(body: bytes, edit: dict[str, Any], *, must: bool) -> bytes:
    """`body` with other values of some fields; all else stays as it was written."""
    if not edit:
        return body
    try:
        fields: dict[str, Any] = dict(_object.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if must:
            raise invalid("type", "the message is no event, so it has no type to change") from error
        return body  # it has no id inside
    return msgspec.json.encode({**fields, **edit})


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
