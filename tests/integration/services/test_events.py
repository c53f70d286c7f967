"""The services talk to each other through a broker: what each tells, and what the others do about it."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import msgspec
import pytest

from embedded_services.bus import names, relay
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.services.notification import process as notification_process
from tests.helpers.broker_node import BrokerNode
from tests.helpers.bus import listening, taken
from tests.helpers.child import child_context
from tests.helpers.eventually import until
from tests.integration.services.api import ADMIN, Api, serving
from tests.integration.services.test_instances import ORDER, processes

ROLES = ("user", "order", "payment", "notification")
WHO = ("usr_demo", "customer")
TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-00"
Shop = dict[str, Api]


@pytest.fixture
async def shop(tmp_path: Path, node: BrokerNode) -> AsyncIterator[Shop]:
    """One instance of each service, joined by a broker."""
    async with AsyncExitStack() as stack:
        yield {
            role: await stack.enter_async_context(serving(tmp_path, role, broker_url=node.url))
            for role in ROLES
        }


class Tail:
    """What is told to everybody, from now on."""

    def __init__(self, heard: "asyncio.Queue[Any]") -> None:
        self._heard = heard

    async def next(self, type_: str) -> dict[str, Any]:
        """The next event of a type; those of others are passed over."""
        async with asyncio.timeout(10):
            while True:
                message = await self._heard.get()
                event: dict[str, Any] = msgspec.json.decode(message.body)
                if event["type"] == type_:
                    return event | {"trace": message.headers.get(names.TRACEPARENT)}


@pytest.fixture
async def tail(shop: Shop, node: BrokerNode) -> AsyncIterator[Tail]:
    async with listening(node.url, "#") as heard:
        yield Tail(heard)


async def registered(shop: Shop, email: str = "ann@example.com") -> tuple[str, str]:
    body = {"email": email, "password": "faultdeck1", "name": "Ann"}
    reply = await shop["user"]("POST", "/auth/register", body)
    return reply.body["user"]["id"], "customer"


async def notes(shop: Shop, who: tuple[str, str], count: int) -> list[dict[str, Any]]:
    """What there is for somebody, once there are so many."""

    async def look() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = (await shop["notification"]("GET", "/notifications", who=who)).body[
            "items"
        ]
        return items if len(items) >= count else None

    return await until(look, 10)


async def status(shop: Shop, order: str, wanted: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await shop["order"]("GET", f"/orders/{order}", who=ADMIN)).body
        return found if found["status"] == wanted else None

    return await until(look, 10)


async def placed(shop: Shop, who: tuple[str, str] = WHO) -> str:
    return str((await shop["order"]("POST", "/orders", ORDER, who=who)).body["id"])


async def paid(shop: Shop, order: str, amount: float = 149.97, **more: Any) -> dict[str, Any]:
    reply = await shop["payment"]("POST", "/payments", {"orderId": order, "amount": amount, **more}, who=WHO)
    body: dict[str, Any] = reply.body
    return body


async def confirm(shop: Shop, order: str) -> Any:
    return (await shop["order"]("PATCH", f"/orders/{order}", {"status": "confirmed"}, who=ADMIN)).body[
        "status"
    ]


async def test_a_new_user_is_told_of_and_welcomed(shop: Shop, tail: Tail) -> None:
    who = await registered(shop)
    created = await tail.next("user.created")
    assert created["source"] == "user"
    assert {
        "id": who[0],
        "email": "ann@example.com",
        "name": "Ann",
        "role": "customer",
        "revision": 1,
    }.items() <= (created["data"].items())
    assert "password" not in str(created)
    asked = await tail.next("email.send")
    assert asked["source"] == "notification"
    assert asked["data"] == {
        "to": "ann@example.com", "userId": who[0], "template": "welcome",
        "data": {"name": "Ann", "email": "ann@example.com"},
    }  # fmt: skip
    (note,) = await notes(shop, who, 1)
    assert (note["template"], note["subject"], note["status"]) == ("welcome", "Welcome, Ann", "stored")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is absent is stood in for after no time."""
    monkeypatch.setattr(relay, "ABSENT_S", 0.1)


async def test_users_who_were_there_from_the_start_are_told_of_but_not_welcomed(
    soon: None, shop: Shop, tmp_path: Path
) -> None:
    async def known() -> set[str] | None:
        with sqlite3.connect(tmp_path / "data" / "notifications.db") as database:
            found = {row[0] for row in database.execute("SELECT email FROM recipients")}
        database.close()
        return found if len(found) == 2 else None

    assert await until(known) == {"demo@faultdeck.local", "admin@faultdeck.local"}
    assert (await shop["notification"]("GET", "/notifications", who=WHO)).body["items"] == []


async def test_an_order_is_told_of_and_confirmed_to_its_owner(shop: Shop, tail: Tail) -> None:
    order = await placed(shop)
    created = await tail.next("order.created")
    shown = (await shop["order"]("GET", f"/orders/{order}", who=WHO)).body
    assert created["data"] == shown
    stock = [await tail.next("inventory.updated") for _ in range(2)]
    assert [event["data"] for event in stock] == [
        {"productId": "prod1", "stock": 99_999, "change": -1, "reason": "order", "revision": 2, "orderId": order},
        {"productId": "prod2", "stock": 99_998, "change": -2, "reason": "order", "revision": 2, "orderId": order},
    ]  # fmt: skip
    (note,) = await notes(shop, WHO, 1)
    assert (note["template"], note["subject"]) == ("order_confirmation", f"Your order {order}")
    assert "2 x Noise-cancelling headphones at 59.99" in note["body"]
    again = await shop["notification"](
        "POST", "/notifications",
        {"template": "order_confirmation", "userId": WHO[0], "data": {"orderId": order, "items": [], "total": 1}},
        who=ADMIN,
    )  # fmt: skip
    assert (again.status, again.body) == (200, note), "whoever confirms it again confirms nothing"


async def test_every_change_of_stock_is_told(shop: Shop, tail: Tail) -> None:
    order = await placed(shop)
    await shop["order"]("PATCH", f"/orders/{order}", {"status": "cancelled"}, who=ADMIN)
    await shop["order"]("PATCH", "/products/prod1", {"stock": 5}, who=ADMIN)
    await shop["order"]("PATCH", "/products/prod1", {"price": 5}, who=ADMIN)
    await shop["order"]("POST", "/products", {"name": "Cable", "price": 3, "stock": 7}, who=ADMIN)
    told = [(await tail.next("inventory.updated"))["data"] for _ in range(6)]
    assert [(d["productId"], d["stock"], d["change"], d["reason"]) for d in told[:5]] == [
        ("prod1", 99_999, -1, "order"), ("prod2", 99_998, -2, "order"),
        ("prod1", 100_000, 1, "release"), ("prod2", 100_000, 2, "release"),
        ("prod1", 5, -99_995, "admin"),
    ]  # fmt: skip
    assert (told[5]["stock"], told[5]["change"], told[5]["reason"], told[5]["orderId"]) == (
        7,
        7,
        "admin",
        None,
    )


async def test_a_confirmed_order_that_is_paid_becomes_paid(shop: Shop, tail: Tail) -> None:
    order = await placed(shop)
    assert await confirm(shop, order) == "confirmed"
    assert (await tail.next("order.updated"))["data"]["status"] == "confirmed"
    payment = await paid(shop, order)
    told = await tail.next("payment.completed")
    assert (told["source"], told["data"]) == ("payment", payment)
    updated = await tail.next("order.updated")
    assert (updated["data"]["status"], updated["data"]["paymentId"]) == ("paid", payment["id"])
    assert (await status(shop, order, "paid"))["paymentId"] == payment["id"]


async def test_a_payment_before_the_confirmation_is_remembered(shop: Shop, tmp_path: Path) -> None:
    order = await placed(shop)
    payment = await paid(shop, order)
    await until(lambda: recorded(tmp_path, payment["id"], "completed"))
    assert (await status(shop, order, "pending"))["paymentId"] is None
    assert await confirm(shop, order) == "paid"
    assert (await status(shop, order, "paid"))["paymentId"] == payment["id"]


async def recorded(workspace: Path, payment: str, wanted: str) -> bool | None:
    with sqlite3.connect(workspace / "data" / "orders.db") as database:
        row = database.execute("SELECT status FROM order_payments WHERE payment_id = ?", [payment]).fetchone()
    database.close()
    return row == (wanted,) or None


@pytest.mark.parametrize(
    "payment", [{"amount": 0.01}, {"currency": "EUR"}, {"cardNumber": "4000000000000002"}]
)
async def test_what_does_not_pay_for_the_order_leaves_it_as_it_is(
    shop: Shop, tmp_path: Path, payment: dict[str, Any]
) -> None:
    order = await placed(shop)
    made = await paid(shop, order, **payment)
    await until(lambda: recorded(tmp_path, made["id"], made["status"]))
    assert await confirm(shop, order) == "confirmed"


async def test_a_payment_that_was_given_back_before_does_not_pay(
    shop: Shop, tail: Tail, tmp_path: Path
) -> None:
    order = await placed(shop)
    payment = await paid(shop, order)
    await shop["payment"]("POST", f"/payments/{payment['id']}/refunds", {"amount": 10}, who=WHO)
    told = await tail.next("payment.refunded")
    assert told["data"]["refund"]["amount"] == 10.0
    assert (told["data"]["status"], told["data"]["revision"]) == ("partially_refunded", 2)
    await until(lambda: recorded(tmp_path, payment["id"], "partially_refunded"))
    assert await confirm(shop, order) == "confirmed"


async def test_what_was_paid_for_an_order_that_is_cancelled_is_given_back_once(
    shop: Shop, node: BrokerNode, tail: Tail, tmp_path: Path
) -> None:
    order = await placed(shop)
    payment = await paid(shop, order)
    await confirm(shop, order)
    await status(shop, order, "paid")
    answer = await shop["order"]("PATCH", f"/orders/{order}", {"status": "cancelled"}, who=ADMIN)
    assert answer.status == 200
    told = await tail.next("order.cancelled")
    assert told["data"]["id"] == order
    refunded = await tail.next("payment.refunded")
    assert (refunded["data"]["id"], refunded["data"]["status"]) == (payment["id"], "refunded")
    await say(node.url, "order.cancelled", told["data"], "msg_again")
    await until(lambda: inbox_has(tmp_path / "data" / "payments.db", "msg_again"))
    assert await refunds(shop, payment["id"]) == [149.97]


async def refunds(shop: Shop, payment: str) -> list[float]:
    answer = await shop["payment"]("GET", f"/payments/{payment}/refunds", who=ADMIN)
    return [refund["amount"] for refund in answer.body["items"]]


async def test_only_the_rest_is_given_back(shop: Shop, tail: Tail) -> None:
    order = await placed(shop)
    payment = await paid(shop, order)
    await shop["payment"]("POST", f"/payments/{payment['id']}/refunds", {"amount": 49.97}, who=WHO)
    await tail.next("payment.refunded")
    await shop["order"]("PATCH", f"/orders/{order}", {"status": "cancelled"}, who=WHO)
    await tail.next("payment.refunded")
    assert sorted(await refunds(shop, payment["id"])) == [49.97, 100.0]


async def test_an_order_that_was_cancelled_is_paid_by_nobody(shop: Shop) -> None:
    order = await placed(shop)
    await shop["order"]("PATCH", f"/orders/{order}", {"status": "cancelled"}, who=WHO)

    async def refused() -> dict[str, Any] | None:
        body = {"orderId": order, "amount": 149.97, "cardNumber": "4000000000000002"}
        answer = await shop["payment"]("POST", "/payments", body, who=WHO)
        return answer.body["error"] if answer.status == 409 else None

    assert (await until(refused, 10))["message"] == "This order was cancelled"


async def test_an_older_revision_that_comes_later_is_ignored(
    shop: Shop, node: BrokerNode, tail: Tail, tmp_path: Path
) -> None:
    order = await placed(shop)
    payment = await paid(shop, order)
    await shop["payment"]("POST", f"/payments/{payment['id']}/refunds", {}, who=WHO)
    await until(lambda: recorded(tmp_path, payment["id"], "refunded"))
    await say(node.url, "payment.completed", payment, "msg_late")
    await until(lambda: inbox_has(tmp_path / "data" / "orders.db", "msg_late"))
    assert await recorded(tmp_path, payment["id"], "refunded")
    assert await confirm(shop, order) == "confirmed"


async def inbox_has(path: Path, message: str) -> bool | None:
    with sqlite3.connect(path) as database:
        row = database.execute("SELECT 1 FROM inbox WHERE message_id = ?", [message]).fetchone()
    database.close()
    return True if row else None


async def say(url: str, type_: str, data: object, message_id: str) -> None:
    """Anybody with an AMQP client can."""
    event = {"type": type_, "data": data, "source": "test", "timestamp": "", "messageId": message_id}
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        exchange = await channel.get_exchange(names.EXCHANGE)
        await exchange.publish(aio_pika.Message(msgspec.json.encode(event), message_id=message_id), type_)


async def test_data_that_an_event_cannot_have_are_a_dead_letter(
    shop: Shop, node: BrokerNode, expect_log: Callable[[str], None]
) -> None:
    expect_log("refused: ")
    for type_, queue in (
        ("payment.completed", "order.events"), ("user.created", "notification.events"),
        ("order.created", "notification.events"), ("email.send", "notification.events"),
        ("notification.send", "notification.events"),
    ):  # fmt: skip
        await say(node.url, type_, {"id": 1}, f"msg_{type_}")
        assert (await taken(node.url, names.dead_queue(queue))).message_id == f"msg_{type_}"


async def test_an_address_finds_its_user(shop: Shop, node: BrokerNode) -> None:
    who = await registered(shop)
    await notes(shop, who, 1)
    data = {"to": "ann@example.com", "template": "welcome", "data": {"name": "A", "email": "a"}}
    await say(node.url, "email.send", data, "msg_mail")
    assert (await notes(shop, who, 2))[0]["subject"] == "Welcome, A"


async def test_a_request_s_trace_goes_all_the_way(shop: Shop, tail: Tail) -> None:
    await shop["order"]("POST", "/orders", ORDER, who=WHO, headers={"traceparent": TRACE})
    for type_ in ("order.created", "notification.send"):
        assert (await tail.next(type_))["trace"] == TRACE
    await placed(shop)
    assert (await tail.next("order.created"))["trace"] is None
    sampled = TRACE[:-2] + "01"
    await shop["order"]("POST", "/orders", ORDER, who=WHO, headers={"traceparent": sampled})
    told = (await tail.next("notification.send"))["trace"]
    while told is None:
        told = (await tail.next("notification.send"))["trace"]
    assert told[:36] == sampled[:36]
    assert told[36:52] != sampled[36:52], "it is the span's that caused it"


async def test_without_a_broker_events_wait_and_are_told_later(tmp_path: Path, node: BrokerNode) -> None:
    async with serving(tmp_path, "order") as api:
        first = (await api("POST", "/orders", ORDER)).body["id"]
    async with (
        listening(node.url, "order.created") as heard,
        serving(tmp_path, "order", broker_url=node.url),
    ):
        event = msgspec.json.decode((await heard.get()).body)
    assert event["data"]["id"] == first


async def test_requests_are_served_while_the_broker_is_away(
    tmp_path: Path, node: BrokerNode, allow_log: Callable[[str], None]
) -> None:
    allow_log("^the broker: ")
    node.kill()
    async with serving(tmp_path, "order", broker_url=node.url) as api:
        for _ in range(5):
            assert (await api("POST", "/orders", ORDER)).status == 202
        node.start()
        orders = {
            msgspec.json.decode((await taken(node.url, names.queue_of("notification"))).body)["data"]["id"]
            for _ in range(5)
        }
    assert len(orders) == 5


async def test_a_frozen_broker_does_not_hold_up_the_end(
    tmp_path: Path, node: BrokerNode, allow_log: Callable[[str], None]
) -> None:
    allow_log("^the broker: ")
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(serving(tmp_path, "notification", broker_url=node.url))
        await until(lambda: has_consumer(node))
        node.freeze()
        try:
            body = {"template": "order_shipped", "data": {"orderId": "ord_1"}}
            assert (await api("POST", "/notifications", body)).status == 201
            begun = time.monotonic()
            await stack.aclose()
            assert time.monotonic() - begun < 1.2
        finally:
            node.thaw()


async def has_consumer(node: BrokerNode) -> bool | None:
    async with await aio_pika.connect(node.url) as connection, connection.channel() as channel:
        queue = await channel.declare_queue("notification.events", durable=True)
        return bool(queue.declaration_result.consumer_count) or None


async def test_a_killed_process_has_told_of_all_it_did_and_of_nothing_else(
    tmp_path: Path, node: BrokerNode
) -> None:
    async with (
        processes(tmp_path, "order", 1, broker_url=node.url) as [(victim, api)],
        Tasks("test") as tasks,
    ):
        enough = asyncio.Event()
        answered = 0

        async def order() -> None:
            nonlocal answered
            while True:
                try:
                    await api("POST", "/orders", ORDER)
                except aiohttp.ClientError:
                    return
                answered += 1
                if answered > 60:
                    enough.set()

        clients = [tasks.start(order(), "client") for _ in range(6)]
        await enough.wait()
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        await asyncio.gather(*clients)
    with sqlite3.connect(tmp_path / "data" / "orders.db") as database:
        orders = {row[0] for row in database.execute("SELECT id FROM orders")}
    database.close()
    async with serving(tmp_path, "order", broker_url=node.url):
        told: set[str] = set()
        async with asyncio.timeout(20):
            while len(told) < len(orders):
                event = msgspec.json.decode((await taken(node.url, names.queue_of("notification"))).body)
                told.add(event["data"]["id"])
    assert told == orders


async def test_what_was_handled_and_what_waits_goes_up_in_beats(tmp_path: Path, node: BrokerNode) -> None:
    context = child_context(tmp_path, "notification", broker_url=node.url)
    beats: list[Beat] = []
    woken = asyncio.Event()
    reporters: list[Callable[[], Beat | None]] = []

    def report(reporter: Callable[[], Beat | None]) -> Callable[[], None]:
        reporters.append(reporter)
        return woken.set

    context.link.report_when_woken = report  # type: ignore[method-assign]  # the link's end of it, without a link
    async with notification_process.serve(context):
        async with asyncio.timeout(10):
            while not any(beat.outbox is not None and beat.outbox.connected for beat in beats):
                await woken.wait()
                woken.clear()
                beats += [beat for reporter in reporters if (beat := reporter()) is not None]
            user = {"id": "usr_1", "email": "a@b.co", "name": "A", "revision": 1, "welcome": False}
            await say(node.url, "user.created", user, "msg_1")
            while not any(beat.handled for beat in beats):
                await woken.wait()
                woken.clear()
                beats += [beat for reporter in reporters if (beat := reporter()) is not None]
    handled = next(beat for beat in beats if beat.handled).handled[0]
    assert (handled.message_id, handled.type, handled.queue, handled.instance, handled.outcome) == (
        "msg_1", "user.created", "notification.events", "notification-1", "done",
    )  # fmt: skip
    assert all(reporter() is None for reporter in reporters), "nothing is told twice"
