"""What the broker refuses, with RabbitMQ's reply codes and texts: clients and people know those. Pure.

A refusal closes the channel on which it happened or, where the client can no longer be trusted to speak the protocol, the
whole connection.
"""

from collections.abc import Mapping
from typing import Any, Final

NAMES: Final = {
    311: "CONTENT_TOO_LARGE",
    312: "NO_ROUTE",
    320: "CONNECTION_FORCED",
    403: "ACCESS_REFUSED",
    404: "NOT_FOUND",
    405: "RESOURCE_LOCKED",
    406: "PRECONDITION_FAILED",
    501: "FRAME_ERROR",
    502: "SYNTAX_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    506: "RESOURCE_ERROR",
    530: "NOT_ALLOWED",
    540: "NOT_IMPLEMENTED",
    541: "INTERNAL_ERROR",
}
MAX_TEXT: Final = 255
"""Bytes: a reply text is a short string on the wire."""


class Refusal(Exception):  # noqa: N818 - it is AMQP's word for neither an error of ours nor always one of theirs
    """`closes_connection`: else it closes the channel."""

    closes_connection = False

    def __init__(self, code: int, text: str) -> None:
        whole = f"{NAMES[code]} - {text}"
        super().__init__(whole)
        self.code = code
        self.text = whole.encode()[:MAX_TEXT].decode(errors="ignore")


class ConnectionRefusal(Refusal):
    closes_connection = True


def _in_vhost(kind: str, name: str) -> str:
    return f"{kind} '{name}' in vhost '/'"


def not_found(kind: str, name: str) -> Refusal:
    return Refusal(404, f"no {_in_vhost(kind, name)}")


def reserved(kind: str, name: str) -> Refusal:
    return Refusal(403, f"{kind} name '{name}' contains reserved prefix 'amq.*'")


def default_exchange() -> Refusal:
    return Refusal(403, "operation not permitted on the default exchange")


def system_exchange(name: str) -> Refusal:
    return Refusal(403, f"deletion of system {_in_vhost('exchange', name)} not allowed")


def internal_exchange(name: str) -> Refusal:
    return Refusal(403, f"cannot publish to internal {_in_vhost('exchange', name)}")


def locked(queue: str) -> Refusal:
    return Refusal(
        405,
        f"cannot obtain exclusive access to locked {_in_vhost('queue', queue)}. It could be originally declared on another "
        "connection or the exclusive property value does not match that of the original declaration.",
    )


def in_exclusive_use(queue: str) -> Refusal:
    return Refusal(403, f"{_in_vhost('queue', queue)} in exclusive use")


def in_use(kind: str, name: str) -> Refusal:
    return Refusal(406, f"{_in_vhost(kind, name)} in use")


def not_empty(queue: str) -> Refusal:
    return Refusal(406, f"{_in_vhost('queue', queue)} not empty")


def inequivalent(kind: str, name: str, arg: str, received: str, current: str) -> Refusal:
    return Refusal(
        406,
        f"inequivalent arg '{arg}' for {_in_vhost(kind, name)}: received {received} but current is {current}",
    )


def invalid_arg(arg: str, queue: str, why: str) -> Refusal:
    return Refusal(406, f"invalid arg '{arg}' for {_in_vhost('queue', queue)}: {why}")


def unsuitable_arg(arg: str, queue: str, kind: str) -> Refusal:
    return Refusal(
        406, f"invalid arg '{arg}' for {_in_vhost('queue', queue)} of queue type rabbit_{kind}_queue"
    )


def no_integer(arg: str, queue: str, value: object) -> Refusal:
    return invalid_arg(arg, queue, f'"expected integer, got {type_name(value)}"')


def invalid_type(arg: str, kind: str, name: str, value: object) -> Refusal:
    return Refusal(406, f"invalid type '{type_name(value)}' for arg '{arg}' in {_in_vhost(kind, name)}")


def unknown_delivery_tag(tag: int) -> Refusal:
    return Refusal(406, f"unknown delivery tag {tag}")


def not_implemented(what: str) -> ConnectionRefusal:
    return ConnectionRefusal(540, what)


def told(value: object, other: object) -> str:
    """An argument's value as RabbitMQ words it in `inequivalent`: with its type when the other one is missing."""
    if value is None:
        return "none"
    return (
        f"'{_plain(value)}'"
        if other is not None
        else f"the value '{_plain(value)}' of type '{type_name(value)}'"
    )


def type_name(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "signedint" if -(2**31) <= value < 2**31 else "long"
    if isinstance(value, float):
        return "double"
    if isinstance(value, str | bytes):
        return "longstr"
    return "table" if isinstance(value, Mapping) else "array"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
