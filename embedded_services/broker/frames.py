"""The frames of one connection: bytes in, frames out, and back. Framing is pamqp's; what is added is strictness.

Bounded: no frame may be larger than was negotiated, and nothing is kept of a frame before its size is known to be allowed.
A content header keeps its bytes, because most messages go out with the very header that they came in with.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from pamqp import base, commands
from pamqp import frame as pamqp_frame

from embedded_services.broker import content_header
from embedded_services.broker.content_header import Properties
from embedded_services.broker.refusals import ConnectionRefusal

MIN_FRAME: Final = 4096
METHOD: Final = 1
HEADER: Final = 2
BODY: Final = 3
HEARTBEAT: Final = 8
END: Final = b"\xce"
HEARTBEAT_FRAME: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"
_HEAD: Final = struct.Struct(">BHI")
_CONTENT: Final = struct.Struct(">HHQ")
_INDEX: Final = struct.Struct(">I")
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    OSError,
    struct.error,
    AttributeError,
    RecursionError,
)
"""What pamqp raises for bytes that are no method, no table, no text."""

BASIC_CLASS: Final = 60
_PUBLISH: Final = commands.Basic.Publish.index
_ACK: Final = commands.Basic.Ack.index
_TAG: Final = struct.Struct(">QB")


class BrokenStream(ConnectionRefusal):
    """Where the next frame begins is not known any more."""


@dataclass(frozen=True, slots=True)
class ContentHead:
    """`payload` is the header's flags and properties as they came, without class, weight and size."""

    size: int
    properties: Properties
    payload: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    pass


Frame: TypeAlias = base.Frame | ContentHead | bytes | Heartbeat
"""A method, the head of a content, a piece of its body."""


class FrameReader:
    def __init__(self, max_frame: int = MIN_FRAME) -> None:
        self.max_frame = max_frame
        self._rest = b""

    def keep(self, data: bytes) -> None:
        """For the next `feed`."""
        self._rest += data

    def feed(self, data: bytes) -> Iterator[tuple[int, Frame]]:
        """The frames that are complete now, with their channels. Raises ConnectionRefusal, and goes on behind the frame when
        asked again, unless it is a BrokenStream."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, size = 0, len(data)
        try:
            while size - at >= 7:
                kind, channel, length = _HEAD.unpack_from(data, at)
                if length > self.max_frame - 8:
                    raise BrokenStream(
                        501,
                        f"type {kind}, all octets = <<>>: {{frame_too_large,{length},{self.max_frame - 8}}}",
                    )
                end = at + 7 + length
                if end >= size:
                    break
                if data[end] != 0xCE:
                    raise BrokenStream(501, f"type {kind}: frame does not end with 206")
                payload = data[at + 7 : end]
                at = end + 1
                yield channel, decode(kind, channel, payload)
        finally:
            self._rest = data[at:]


def decode(kind: int, channel: int, payload: bytes) -> Frame:
    """Raises ConnectionRefusal."""
    if kind == BODY:
        return payload
    if kind == METHOD:
        return _method(payload)
    if kind == HEADER:
        return _content_head(payload)
    if kind == HEARTBEAT:
        if channel or payload:
            raise ConnectionRefusal(501, "a heartbeat is empty and on channel 0")
        return Heartbeat()
    raise ConnectionRefusal(501, f"unknown frame type {kind}")


def _method(payload: bytes) -> base.Frame:
    if len(payload) < 4:
        raise ConnectionRefusal(501, "a method frame without a method")
    (index,) = _INDEX.unpack_from(payload)
    known = commands.INDEX_MAPPING.get(index)
    if known is None:
        raise ConnectionRefusal(540, f"unknown method {index >> 16}.{index & 0xFFFF}")
    try:
        if index == _PUBLISH:
            return _publish(payload)
        if index == _ACK:
            return _ack(payload)
        method: base.Frame = known()
        method.unmarshal(payload[4:])
    except _UNREADABLE as error:
        raise ConnectionRefusal(501, f"cannot decode {known.__name__}: {error}") from error
    return method


def _publish(payload: bytes) -> commands.Basic.Publish:
    """By hand, as it comes with every message."""
    exchange_end = 7 + payload[6]
    key_end = exchange_end + 1 + payload[exchange_end]
    bits = payload[key_end]
    # Not by its constructor, which refuses names that AMQP allows.
    method: commands.Basic.Publish = object.__new__(commands.Basic.Publish)
    method.ticket = 0
    method.exchange = payload[7:exchange_end].decode()
    method.routing_key = payload[exchange_end + 1 : key_end].decode()
    method.mandatory = bool(bits & 1)
    method.immediate = bool(bits & 2)
    return method


def _ack(payload: bytes) -> commands.Basic.Ack:
    method: commands.Basic.Ack = object.__new__(commands.Basic.Ack)
    method.delivery_tag, bits = _TAG.unpack_from(payload, 4)
    method.multiple = bool(bits & 1)
    return method


def _content_head(payload: bytes) -> ContentHead:
    if len(payload) < 14:
        raise ConnectionRefusal(501, "a content header that is too short")
    class_id, weight, size = _CONTENT.unpack_from(payload)
    if class_id != BASIC_CLASS or weight:
        raise ConnectionRefusal(
            505,
            f"expected content header for class {BASIC_CLASS}, got one for class {class_id}, weight {weight} instead",
        )
    rest = payload[12:]
    try:
        return ContentHead(size, content_header.read(rest), rest)
    except _UNREADABLE as error:
        raise ConnectionRefusal(501, f"cannot decode a content header: {error}") from error


def method(channel: int, frame: base.Frame | bytes) -> bytes:
    """A method, or the payload of one, as a frame."""
    if isinstance(frame, bytes):
        return b"%b%b\xce" % (_HEAD.pack(METHOD, channel, len(frame)), frame)
    return pamqp_frame.marshal(frame, channel)


def content(channel: int, payload: bytes, body: bytes, max_frame: int) -> bytes:
    """The header and body frames of one message."""
    head = _CONTENT.pack(BASIC_CLASS, 0, len(body)) + payload
    out = [_HEAD.pack(HEADER, channel, len(head)), head, END]
    room = max_frame - 8
    if len(body) <= room:
        if body:
            out += (_HEAD.pack(BODY, channel, len(body)), body, END)
        return b"".join(out)
    for at in range(0, len(body), room):
        piece = body[at : at + room]
        out += (_HEAD.pack(BODY, channel, len(piece)), piece, END)
    return b"".join(out)
