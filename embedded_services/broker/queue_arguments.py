"""The `x-…` arguments of a queue, checked and understood. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from embedded_services.broker.refusals import (
    Refusal,
    invalid_arg,
    invalid_type,
    no_integer,
    type_name,
    unsuitable_arg,
)

LONGEST_MS: Final = 2**32 - 1
OVERFLOWS: Final = ("drop-head", "reject-publish", "reject-publish-dlx")
TYPES: Final = ("classic", "quorum")
_OF_THE_OTHER: Final = {"classic": ("x-delivery-limit",), "quorum": ("x-max-priority",)}
"""Arguments that a type of queue does not take."""
_COMPARED: Final = (
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-delivery-limit",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
    "x-overflow",
    "x-queue-type",
    "x-single-active-consumer",
)
"""Those that must be the same in every declaration of a queue."""


@dataclass(frozen=True)
class QueueArguments:
    """Times are milliseconds. `delivery_limit` is how many deliveries may fail before a message goes."""

    quorum: bool = False
    message_ttl: int | None = None
    expires: int | None = None
    max_length: int | None = None
    max_bytes: int | None = None
    overflow: str = OVERFLOWS[0]
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    max_priority: int | None = None
    delivery_limit: int | None = None
    single_active: bool = False


def understand(queue: str, arguments: Mapping[str, Any]) -> QueueArguments:
    """Raises Refusal 406 for an argument that has no meaning."""
    take = _Taker(queue, arguments)
    kind = take.text("x-queue-type") or "classic"
    if kind not in TYPES:
        raise invalid_arg("x-queue-type", queue, f"\"unsupported queue type '{kind}'\"")
    for name in _OF_THE_OTHER[kind]:
        if name in arguments:
            raise unsuitable_arg(name, queue, kind)
    understood = QueueArguments(
        quorum=kind == "quorum",
        message_ttl=take.number("x-message-ttl", 0, LONGEST_MS),
        expires=take.number("x-expires", 1, LONGEST_MS),
        max_length=take.number("x-max-length", 0),
        max_bytes=take.number("x-max-length-bytes", 0),
        overflow=take.overflow(kind),
        dead_letter_exchange=take.name("x-dead-letter-exchange"),
        dead_letter_routing_key=take.text("x-dead-letter-routing-key"),
        max_priority=take.number("x-max-priority", 0, 255, "max_value_exceeded"),
        delivery_limit=take.number("x-delivery-limit", 0),
        single_active=take.flag("x-single-active-consumer"),
    )
    if understood.dead_letter_routing_key is not None and understood.dead_letter_exchange is None:
        raise invalid_arg("x-dead-letter-routing-key", queue, "routing_key_but_no_dlx_defined")
    return understood


class _Taker:
    def __init__(self, queue: str, arguments: Mapping[str, Any]) -> None:
        self._queue = queue
        self._arguments = arguments

    def number(
        self, name: str, least: int, most: int | None = None, too_large: str = "value_too_large"
    ) -> int | None:
        value = self._arguments.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise no_integer(name, self._queue, value)
        if value < least:
            word = "value_zero" if value == 0 else "value_negative"
            raise invalid_arg(name, self._queue, f"{{{word},{value}}}")
        if most is not None and value > most:
            raise invalid_arg(name, self._queue, f"{{{too_large},{value}}}")
        return value

    def text(self, name: str) -> str | None:
        value = self._arguments.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self._unacceptable(name, value)

    def flag(self, name: str) -> bool:
        value = self._arguments.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self._unacceptable(name, value)

    def name(self, argument: str) -> str | None:
        value = self._arguments.get(argument)
        if value is None or isinstance(value, str):
            return value
        raise invalid_type(argument, "queue", self._queue, value)

    def overflow(self, kind: str) -> str:
        value = self.text("x-overflow") or OVERFLOWS[0]
        if value not in OVERFLOWS:
            raise invalid_arg("x-overflow", self._queue, "invalid_overflow")
        # Those of the quorum type cannot make dead letters of what they refuse.
        return OVERFLOWS[0] if kind == "quorum" and value == "reject-publish-dlx" else value

    def _unacceptable(self, name: str, value: object) -> Refusal:
        return invalid_arg(name, self._queue, f"{{unacceptable_type,{type_name(value)}}}")


def differing(declared: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The first argument that a second declaration gives another value; None when they agree."""
    for name in _COMPARED:
        values = declared.get(name), wanted.get(name)
        if name == "x-queue-type" and set(values) == {None, "classic"}:
            continue
        if values[0] != values[1]:
            return name
    return None


_INTEGER: Final = re.compile(r"[+-]?\d+", re.ASCII)


def wrong_time(text: str) -> str:
    """Why a message's expiration is no number of milliseconds; empty when it is one."""
    number = _INTEGER.match(text)
    if number is None:
        return "no_integer"
    if rest := text[number.end() :]:
        return f'{{leftover_string,"{rest}"}}'
    value = int(number[0])
    if value < 0:
        return f"{{value_negative,{value}}}"
    return f"{{value_too_large,{value}}}" if value > LONGEST_MS else ""
