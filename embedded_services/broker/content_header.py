"""The properties of a message as they are on the wire: read as far as a broker cares, changed where they must be, and else
kept byte for byte. Pure.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pamqp import decode

from embedded_services.broker import tables

_FLAGS: Final = struct.Struct(">H")
_LENGTH: Final = struct.Struct(">I")
_HEADERS: Final = 1 << 13
_MODE: Final = 1 << 12
_PRIORITY: Final = 1 << 11
_EXPIRATION: Final = 1 << 8
_USER: Final = 1 << 4
_SHORT_TEXT: Final = -1
_TABLE: Final = -2
_SIZES: Final = {
    1 << 15: _SHORT_TEXT,
    1 << 14: _SHORT_TEXT,
    _HEADERS: _TABLE,
    _MODE: 1,
    _PRIORITY: 1,
    1 << 10: _SHORT_TEXT,
    1 << 9: _SHORT_TEXT,
    _EXPIRATION: _SHORT_TEXT,
    1 << 7: _SHORT_TEXT,
    1 << 6: 8,
    1 << 5: _SHORT_TEXT,
    _USER: _SHORT_TEXT,
    1 << 3: _SHORT_TEXT,
    1 << 2: _SHORT_TEXT,
}
"""How long each property is, in the order in which they follow on the flags that say which there are."""


class Properties(NamedTuple):
    """What a broker goes by; the others are between clients."""

    headers: Mapping[str, Any] = {}
    delivery_mode: int = 1
    priority: int = 0
    expiration: str | None = None
    user_id: str = ""


PLAIN: Final = Properties()


def read(payload: bytes) -> Properties:
    """`payload` is flags and properties. Raises what `decode` does, ValueError and IndexError for bytes that are none."""
    found: dict[str, Any] = {}
    at = _FLAGS.size
    for bit, size in _layout(_FLAGS.unpack_from(payload)[0]):
        if size == _SHORT_TEXT:
            end = at + 1 + payload[at]
            if bit == _EXPIRATION:
                found["expiration"] = payload[at + 1 : end].decode()
            elif bit == _USER:
                found["user_id"] = payload[at + 1 : end].decode()
        elif size == _TABLE:
            end = at + _LENGTH.size + _LENGTH.unpack_from(payload, at)[0]
            found["headers"] = decode.field_table(payload[at:end])[1]
        else:
            end = at + size
            if bit == _MODE:
                found["delivery_mode"] = payload[at]
            elif bit == _PRIORITY:
                found["priority"] = payload[at]
        at = end
    if at != len(payload):
        raise ValueError("its length is not that of its properties")
    return Properties(**found) if found else PLAIN


@lru_cache
def _layout(flags: int) -> tuple[tuple[int, int], ...]:
    """The properties that there are, and how long each is."""
    if flags & 3:
        raise ValueError("flags that mean nothing")
    return tuple((bit, size) for bit, size in _SIZES.items() if flags & bit)


def with_headers(payload: bytes, headers: Mapping[str, Any], *, keep_expiration: bool) -> bytes:
    """The flags and properties of `payload`, with these fields in the headers."""
    parts = _parts(payload)
    parts[_HEADERS] = tables.changed(parts.get(_HEADERS, _LENGTH.pack(0)), headers)
    if not keep_expiration:
        parts.pop(_EXPIRATION, None)
    flags = sum(parts)
    return _FLAGS.pack(flags) + b"".join(parts[bit] for bit in _SIZES if bit in parts)


def _parts(payload: bytes) -> dict[int, bytes]:
    (flags,) = _FLAGS.unpack_from(payload)
    at, parts = _FLAGS.size, {}
    for bit, size in _layout(flags):
        end = at + size
        if size == _SHORT_TEXT:
            end = at + 1 + payload[at]
        elif size == _TABLE:
            end = at + _LENGTH.size + _LENGTH.unpack_from(payload, at)[0]
        parts[bit] = payload[at:end]
        at = end
    return parts
