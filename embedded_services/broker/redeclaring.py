"""Whether a second declaration says the same as the first. Raises RabbitMQ's Refusal when it does not. Pure."""

from collections.abc import Mapping
from typing import Any

from embedded_services.broker import refusals
from embedded_services.broker.exchanges import Exchange
from embedded_services.broker.queue import Queue
from embedded_services.broker.queue_arguments import differing


def same_exchange(
    known: Exchange, kind: str, durable: bool, auto_delete: bool, internal: bool, arguments: Mapping[str, Any]
) -> None:
    for arg, received, current in (
        ("type", kind, known.kind),
        ("durable", durable, known.durable),
        ("auto_delete", auto_delete, known.auto_delete),
        ("internal", internal, known.internal),
    ):
        if received != current:
            raise refusals.inequivalent("exchange", known.name, arg, _quoted(received), _quoted(current))
    if arguments.get("alternate-exchange") != known.alternate:
        raise _other_argument("exchange", known.name, "alternate-exchange", arguments, known.arguments)


def same_queue(
    known: Queue, durable: bool, exclusive: bool, auto_delete: bool, arguments: Mapping[str, Any]
) -> None:
    for arg, received, current in (
        ("durable", durable, known.declared_durable),
        ("exclusive", exclusive, known.owner is not None),
        ("auto_delete", auto_delete, known.auto_delete),
    ):
        if received != current:
            if arg == "exclusive":
                raise refusals.locked(known.name)
            raise refusals.inequivalent("queue", known.name, arg, _quoted(received), _quoted(current))
    if (name := differing(known.arguments, arguments)) is not None:
        raise _other_argument("queue", known.name, name, arguments, known.arguments)


def _other_argument(
    kind: str, name: str, arg: str, received: Mapping[str, Any], current: Mapping[str, Any]
) -> refusals.Refusal:
    wanted, declared = received.get(arg), current.get(arg)
    return refusals.inequivalent(
        kind, name, arg, refusals.told(wanted, declared), refusals.told(declared, wanted)
    )


def _quoted(value: object) -> str:
    return f"'{str(value).lower() if isinstance(value, bool) else value}'"
