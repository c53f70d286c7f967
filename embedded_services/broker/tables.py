"""Field tables on the wire, as pamqp does not have them: any value that can be read can be written again, with no loss,
and a table can be changed in one field while the others stay byte for byte. Pure.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pamqp import encode as pamqp_encode

_LENGTH: Final = struct.Struct(">I")
_SIZES: Final = {
    **dict.fromkeys(b"tbB", 1),
    **dict.fromkeys(b"su", 2),
    **dict.fromkeys(b"Iif", 4),
    **dict.fromkeys(b"lLdT", 8),
    **dict.fromkeys(b"V\0", 0),
    ord("D"): 5,
}
"""Bytes that a value takes behind its type; the other types say it themselves, in four bytes."""


def fields(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The names of a table's fields, and their values with their types. `table` begins with its length, and is whole."""
    at, end = 4, 4 + _LENGTH.unpack_from(table)[0]
    while at < end:
        name_end = at + 1 + table[at]
        size = _SIZES.get(table[name_end])
        if size is None:
            size = 4 + _LENGTH.unpack_from(table, name_end + 1)[0]
        value_end = name_end + 1 + size
        yield table[at + 1 : name_end], table[name_end:value_end]
        at = value_end


def changed(table: bytes, values: Mapping[str, Any]) -> bytes:
    """The table with these fields, and its others as they were."""
    rows = dict(fields(table))
    rows.update((name.encode(), _value(value)) for name, value in values.items())
    return _joined(b"".join(bytes((len(name),)) + name + value for name, value in rows.items()))


def encode(values: Mapping[str, Any]) -> bytes:
    return changed(_LENGTH.pack(0), values)


def _joined(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _value(value: Any) -> bytes:
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise TypeError(f"{type(value).__name__} is nothing that a table can hold")
    return writer(value)


def _integer(value: int) -> bytes:
    short = -(2**31) <= value < 2**31
    return b"I" + struct.pack(">i", value) if short else b"l" + struct.pack(">q", value)


_WRITERS: Final[dict[type, Callable[[Any], bytes]]] = {
    bool: lambda value: b"t" + bytes((value,)),
    int: _integer,
    float: lambda value: b"d" + struct.pack(">d", value),
    Decimal: lambda value: b"D" + pamqp_encode.decimal(value),
    str: lambda value: b"S" + _joined(value.encode()),
    bytes: lambda value: b"S" + _joined(value),
    bytearray: lambda value: b"x" + _joined(bytes(value)),
    datetime: lambda value: b"T" + struct.pack(">Q", int(value.timestamp())),
    dict: lambda value: b"F" + encode(value),
    list: lambda value: b"A" + _joined(b"".join(map(_value, value))),
    type(None): lambda _: b"V",
}
