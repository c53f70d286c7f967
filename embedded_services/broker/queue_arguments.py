"""The `x-…` arguments of a queue, checked and understood. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from embedded_services.broker.refusals import Refusal, invalid_arg, type_name

LONGEST_MS: Final = 2**32 - 1
OVERFLOWS: Final = ("drop-head", "reject-publish", "reject-publish-dlx")
TYPES: Final = ("classic", "quorum")
_WITHOUT_EFFECT: Final = frozenset(
    {"x-queue-mode", "x-queue-version", "x-queue-master-locator", "x-dead-letter-strategy"}
)
"""How RabbitMQ stores and places a queue; ours is stored in one way."""


@dataclass(frozen=True)
class QueueArguments:
    """Times are milliseconds. `delivery_limit` is how many deliveries may fail before a message goes."""

    quorum: bool = False
    message_ttl: int | None = None
    expires: int | None = None
    max_length: int | None = None
    max_bytes: int | None = None
    overflow: str = "drop-head"
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    max_priority: int | None = None
    delivery_limit: int | None = None
    single_active: bool = False


def understand(queue: str, arguments: Mapping[str, Any]) -> QueueArguments:
    """Raises Refusal 406 for an argument that has no meaning."""
    take = _Taker(queue, arguments)
    kind = take.one_of("x-queue-type", TYPES) or "classic"
    understood = QueueArguments(
        quorum=kind == "quorum",
        message_ttl=take.number("x-message-ttl", 0, LONGEST_MS),
        expires=take.number("x-expires", 1, LONGEST_MS),
        max_length=take.number("x-max-length", 0),
        max_bytes=take.number("x-max-length-bytes", 0),
        overflow=take.one_of("x-overflow", OVERFLOWS) or "drop-head",
        dead_letter_exchange=take.text("x-dead-letter-exchange"),
        dead_letter_routing_key=take.text("x-dead-letter-routing-key"),
        max_priority=take.number("x-max-priority", 0, 255) if kind == "classic" else None,
        delivery_limit=take.number("x-delivery-limit", 0) if kind == "quorum" else None,
        single_active=take.flag("x-single-active-consumer"),
    )
    if understood.dead_letter_routing_key is not None and understood.dead_letter_exchange is None:
        raise invalid_arg("x-dead-letter-routing-key", queue, "routing_key_but_no_dlx_defined")
    if kind == "quorum" and understood.overflow == "reject-publish-dlx":
        raise invalid_arg("x-overflow", queue, "{invalid_overflow,reject-publish-dlx}")
    return understood


class _Taker:
    def __init__(self, queue: str, arguments: Mapping[str, Any]) -> None:
        self._queue = queue
        self._arguments = arguments

    def number(self, name: str, least: int, most: int | None = None) -> int | None:
        value = self._arguments.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._unacceptable(name, value)
        if value < least:
            word = "value_zero" if value == 0 else "value_negative"
            raise invalid_arg(name, self._queue, word if value == 0 else f"{{{word},{value}}}")
        if most is not None and value > most:
            raise invalid_arg(name, self._queue, f"{{value_too_large,{value}}}")
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

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid_arg(name, self._queue, f'{{unsupported_value,<<"{value}">>}}')
        return value

    def _unacceptable(self, name: str, value: object) -> Refusal:
        return invalid_arg(name, self._queue, f"{{unacceptable_type,{type_name(value)}}}")


def differing(declared: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The first argument that a second declaration gives another value; None when they agree."""
    for name in sorted(declared.keys() | wanted.keys()):
        if name in _WITHOUT_EFFECT or not name.startswith("x-"):
            continue
        if declared.get(name) != wanted.get(name):
            if (
                name == "x-queue-type"
                and "classic" in (declared.get(name), wanted.get(name))
                and None
                in (
                    declared.get(name),
                    wanted.get(name),
                )
            ):
                continue
            return name
    return None
