"""The properties of a message as they are on the wire: changed where they must be, and else kept byte for byte. Pure."""

import struct
from collections.abc import Mapping
from typing import Any, Final

from embedded_services.broker import tables

_FLAGS: Final = struct.Struct(">H")
_LENGTH: Final = struct.Struct(">I")
_HEADERS: Final = 1 << 13
_EXPIRATION: Final = 1 << 8
_SHORT_TEXT: Final = -1
_TABLE: Final = -2
_SIZES: Final = {
    1 << 15: _SHORT_TEXT,
    1 << 14: _SHORT_TEXT,
    _HEADERS: _TABLE,
    1 << 12: 1,
    1 << 11: 1,
    1 << 10: _SHORT_TEXT,
    1 << 9: _SHORT_TEXT,
    _EXPIRATION: _SHORT_TEXT,
    1 << 7: _SHORT_TEXT,
    1 << 6: 8,
    1 << 5: _SHORT_TEXT,
    1 << 4: _SHORT_TEXT,
    1 << 3: _SHORT_TEXT,
    1 << 2: _SHORT_TEXT,
}
"""How long each property is, in the order in which they follow on the flags that say which there are."""


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
    for bit, size in _SIZES.items():
        if not flags & bit:
            continue
        if size == _SHORT_TEXT:
            size = 1 + payload[at]
        elif size == _TABLE:
            size = _LENGTH.size + _LENGTH.unpack_from(payload, at)[0]
        parts[bit] = payload[at : at + size]
        at += size
    return parts
