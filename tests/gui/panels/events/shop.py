"""One moment of a small shop's message layer: events of every family, how they were handled, queues, dead letters."""

from typing import Any, Final

import msgspec

from embedded_services.contracts.events import Failure, Handled, Seen
from embedded_services.contracts.queues import DeadLetter, QueueState
from embedded_services.contracts.system import System, SystemStatus

NOW: Final = 1_700_000_000.0
MISSING: Final = "Template “order_confirmation_v2” not found"

_ITEMS = [
    {"productId": "prod1", "name": "Headphones", "quantity": 2, "price": 29.99, "subtotal": 59.98},
    {"productId": "prod2", "name": "Keyboard", "quantity": 1, "price": 59.99, "subtotal": 59.99},
]
_STORY: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("order.updated", "order-2", {"id": "ord_9x4jz", "status": "paid", "total": 119.97}),
    ("order.created", "order-1",
     {"id": "ord_9x4kk", "userId": "user123", "status": "pending", "items": _ITEMS, "total": 119.97}),
    ("email.send", "user-1", {"to": "demo17@faultdeck.local", "template": "welcome", "userId": "usr_2fd81"}),
    ("user.created", "user-1", {"id": "usr_2fd81", "email": "demo17@faultdeck.local", "name": "Demo 17"}),
    ("payment.failed", "payment-2",
     {"id": "pay_61c0e", "orderId": "ord_9x4kk", "amount": 119.97, "currency": "USD", "failureReason": "card refused"}),
    ("payment.refunded", "payment-2", {"id": "pay_58d1b", "orderId": "ord_9x4jq", "amount": 119.97, "currency": "USD"}),
    ("saga.started", "orchestrator", {"sagaId": "a07", "name": "order-processing"}),
    ("inventory.updated", "order-1", {"productId": "prod1", "stock": 46, "change": -2, "reason": "order"}),
    ("payment.completed", "payment-1", {"id": "pay_61c0e", "orderId": "ord_9x4mt", "amount": 119.97, "currency": "USD"}),
    ("notification.send", "order-1", {"userId": "user123", "template": "order_confirmation"}),
    ("saga.completed", "orchestrator", {"sagaId": "a07", "name": "order-processing", "step": "5 steps"}),
)  # fmt: skip
_GOES: Final = {
    "user.created": "notification.events", "order.created": "notification.events",
    "email.send": "notification.events", "notification.send": "notification.events",
    "payment.completed": "order.events", "payment.failed": "order.events", "payment.refunded": "order.events",
}  # fmt: skip


def system() -> System:
    return System(
        name="demo-shop", version="1", status=SystemStatus.HEALTHY, reason="", uptime=60.0, started_at=NOW - 60,
        workspace="/nowhere", gateway=None, control="http://127.0.0.1:1", broker=None, healthy=8, total=8,
    )  # fmt: skip


def shop_event(seq: int) -> Seen:
    type_, source, data = _STORY[seq % len(_STORY)]
    at = NOW - (1000 - seq) * 0.007
    envelope = {
        "type": type_, "data": data, "source": source, "version": "1.0",
        "timestamp": "2026-11-23T14:41:02.304Z", "messageId": f"msg_01JD4{seq:06x}8QK",
    }  # fmt: skip
    body = msgspec.json.encode(envelope).decode()
    return Seen(
        seq=seq, at=at, type=type_, source=source, message_id=f"msg_01JD4{seq:06x}8QK", routing_key=type_,
        trace=f"41d0{seq // 5:024x}9be2", size=len(body.encode()), body=body,
    )  # fmt: skip


def handled(seen: Seen, attempt: int = 1, outcome: str = "done", error: str = "") -> Handled | None:
    queue = _GOES.get(seen.type)
    if queue is None:
        return None
    instance = f"{queue.partition('.')[0]}-{1 + seen.seq % 2}"
    return Handled(
        at=seen.at + 0.0053 + (attempt - 1) * 0.5, message_id=seen.message_id, type=seen.type, queue=queue,
        instance=instance, outcome=outcome, attempt=attempt, took_ms=2.2 + seen.seq % 5, error=error,
        wait_s=0.5 if outcome == "retry" else 0.0,
    )  # fmt: skip


def queues() -> dict[str, QueueState]:
    rows = {}
    for name in ("notification.events", "notification.deliveries", "order.events"):
        rows[name] = QueueState(
            name=name, type="classic", durable=True, ready=0, unacked=1, consumers=2, bytes=0,
            published_per_s=12.4, delivered_per_s=12.4, acknowledged_per_s=12.4,
        )  # fmt: skip
        for wait in (500, 2000, 8000, 30000):
            rows[f"{name}.retry.{wait}"] = QueueState(
                name=f"{name}.retry.{wait}", type="classic", durable=True, ready=3 if wait == 2000 else 0,
                unacked=0, consumers=0, published_per_s=0.2, delivered_per_s=0.0, acknowledged_per_s=0.0,
                arguments={"x-message-ttl": wait},
            )  # fmt: skip
        ready = 9 if name == "notification.events" else 0
        rows[f"{name}.dead"] = QueueState(
            name=f"{name}.dead", type="classic", durable=True, ready=ready, unacked=0, consumers=0,
            published_per_s=0.0, delivered_per_s=0.0, acknowledged_per_s=0.0,
        )  # fmt: skip
    return rows


def letter(
    number: int, *, reason: str = MISSING, type_: str = "order.created", attempts: int = 5
) -> DeadLetter:
    story = next(data for kind, _, data in _STORY if kind == type_)
    envelope = {
        "type": type_,
        "data": story,
        "source": "order-2",
        "version": "1.0",
        "messageId": f"msg_dead{number}",
    }
    body = msgspec.json.encode(envelope).decode()
    failures = [
        Failure(
            at=NOW - 200 + number + try_,
            instance=f"notification-{1 + try_ % 2}",
            reason=f"NotFound: {reason}",
        )
        for try_ in range(attempts)
    ]
    return DeadLetter(
        id=f"dl-{number}", queue="notification.events.dead", type=type_, source="order-2",
        message_id=f"msg_dead{number}", reason=reason, attempts=attempts, failures=failures,
        first_exchange="events", first_key=type_, trace=f"{number:032x}", dead_at=NOW - 195 + number,
        size=len(body.encode()), body=body,
    )  # fmt: skip


def letters() -> dict[str, DeadLetter]:
    many = [letter(number) for number in range(7)]
    few = [
        letter(7 + at, reason="Payload has no userId", type_="notification.send", attempts=1)
        for at in range(2)
    ]
    return {one.id: one for one in (*many, *few)}
