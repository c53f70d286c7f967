"""What the broker says with names in it, written out: pamqp refuses to write names that AMQP and RabbitMQ allow.

Each is the payload of a method frame. Pure.
"""

import struct
from typing import Final

_DELIVERY: Final = struct.Struct(">QB")
_COUNT: Final = struct.Struct(">I")
_COUNTS: Final = struct.Struct(">II")
_NO_ROUTE: Final = b"\x00\x3c\x00\x32" + struct.pack(">H", 312) + b"\x08NO_ROUTE"


def _name(text: str) -> bytes:
    raw = text.encode()
    return bytes((len(raw),)) + raw


def deliver(consumer: str, tag: int, redelivered: bool, exchange: str, routing_key: str) -> bytes:
    from_, key, to = exchange.encode(), routing_key.encode(), consumer.encode()
    return b"\x00\x3c\x00\x3c%c%b%b%c%b%c%b" % (
        len(to), to, _DELIVERY.pack(tag, redelivered), len(from_), from_, len(key), key,
    )  # fmt: skip


def get_ok(tag: int, redelivered: bool, exchange: str, routing_key: str, left: int) -> bytes:
    where = _name(exchange) + _name(routing_key)
    return b"\x00\x3c\x00\x47" + _DELIVERY.pack(tag, redelivered) + where + _COUNT.pack(left)


def no_route(exchange: str, routing_key: str) -> bytes:
    return _NO_ROUTE + _name(exchange) + _name(routing_key)


def consume_ok(tag: str) -> bytes:
    return b"\x00\x3c\x00\x15" + _name(tag)


def cancel(tag: str) -> bytes:
    """Nobody needs to answer it."""
    return b"\x00\x3c\x00\x1e" + _name(tag) + b"\x01"


def cancel_ok(tag: str) -> bytes:
    return b"\x00\x3c\x00\x1f" + _name(tag)


def declare_ok(queue: str, messages: int, consumers: int) -> bytes:
    return b"\x00\x32\x00\x0b" + _name(queue) + _COUNTS.pack(messages, consumers)


def ack(tag: int, *, multiple: bool) -> bytes:
    return b"\x00\x3c\x00\x50" + _DELIVERY.pack(tag, multiple)


def nack(tag: int) -> bytes:
    return b"\x00\x3c\x00\x78" + _DELIVERY.pack(tag, False)
