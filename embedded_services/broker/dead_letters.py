"""What becomes of a message that a queue gives up: its `x-death` history, as RabbitMQ writes it. Pure."""

from datetime import UTC, datetime
from typing import Any

from embedded_services.broker.content_header import read, with_headers
from embedded_services.broker.message import Message

REJECTED = "rejected"
EXPIRED = "expired"
MAXLEN = "maxlen"
DELIVERY_LIMIT = "delivery_limit"


def dead_letter(
    message: Message, queue: str, reason: str, now: float, exchange: str, routing_key: str | None
) -> Message:
    """The message that goes to `exchange`, with this death the newest in its history and no expiration of its own."""
    first = {
        "x-first-death-reason": reason,
        "x-first-death-queue": queue,
        "x-first-death-exchange": message.exchange,
    }
    known = message.headers
    headers: dict[str, Any] = {name: value for name, value in first.items() if name not in known}
    headers["x-death"] = _history(message, queue, reason, now)
    payload = with_headers(message.payload, headers, keep_expiration=False)
    key = message.routing_key if routing_key is None else routing_key
    return Message(exchange, key, read(payload), payload, message.body)


def _history(message: Message, queue: str, reason: str, now: float) -> list[Any]:
    deaths = deaths_of(message)
    for place, death in enumerate(deaths):
        if death.get("queue") == queue and death.get("reason") == reason:
            again = {**death, "count": int(death.get("count", 0)) + 1}
            return [again, *deaths[:place], *deaths[place + 1 :]]
    death = {
        "count": 1,
        "reason": reason,
        "queue": queue,
        "time": datetime.fromtimestamp(int(now), UTC),
        "exchange": message.exchange,
        "routing-keys": [message.routing_key],
    }
    if message.properties.expiration is not None:
        death["original-expiration"] = message.properties.expiration
    return [death, *deaths]


def deaths_of(message: Message) -> list[dict[str, Any]]:
    """The history, newest first; what a client made up that has not its shape counts as none."""
    deaths = message.headers.get("x-death")
    if not isinstance(deaths, list):
        return []
    return [death for death in deaths if isinstance(death, dict)]


def goes_in_circles(message: Message, queue: str) -> bool:
    """Whether it has been in `queue` before and nobody rejected it since: it would go round for ever by itself."""
    since: list[str] = []
    for death in deaths_of(message):
        since.append(str(death.get("reason")))
        if death.get("queue") == queue:
            return REJECTED not in since
    return False
