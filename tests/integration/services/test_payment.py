"""The payment service, over HTTP."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from embedded_services.common.clock import SystemClock
from tests.integration.services.api import ADMIN, DEMO, OTHER, SUPPORT, Api, Reply, serving

JANUARY = 1767225600.0
"""2026-01-01T00:00:00Z"""
DAY = 86_400.0


class Calendar(SystemClock):
    """A clock whose date is set by hand."""

    def __init__(self) -> None:
        self.at = JANUARY

    def now(self) -> float:
        return self.at


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
async def api(tmp_path: Path, calendar: Calendar) -> AsyncIterator[Api]:
    async with serving(tmp_path, "payment", clock=calendar) as api:
        yield api


async def pay(
    api: Api,
    order: str = "ord_1",
    amount: float = 100,
    *,
    who: tuple[str, str] = DEMO,
    key: str | None = None,
    **more: Any,
) -> Reply:
    return await api("POST", "/payments", {"orderId": order, "amount": amount, **more}, who=who, key=key)


async def refund(api: Api, payment: str, amount: float | None = None, **more: Any) -> Reply:
    body = {} if amount is None else {"amount": amount}
    return await api("POST", f"/payments/{payment}/refunds", body, **more)


async def test_a_payment_is_completed_and_can_be_seen(api: Api) -> None:
    reply = await pay(api, amount=119.97, cardNumber="4242424242424242")
    assert reply.status == 201
    assert reply.headers["Location"] == f"payments/{reply.body['id']}"
    assert {
        "orderId": "ord_1",
        "userId": "usr_demo",
        "amount": 119.97,
        "currency": "USD",
        "method": "card",
        "last4": "4242",
        "status": "completed",
        "refunded": 0,
        "failureReason": None,
    }.items() <= reply.body.items()
    assert (await api("GET", f"/payments/{reply.body['id']}")).body == reply.body


async def test_a_declined_card_is_a_failed_payment_and_another_try_may_follow(api: Api) -> None:
    reply = await pay(api, cardNumber="4000000000000002")
    assert reply.status == 201
    assert (reply.body["status"], reply.body["failureReason"]) == ("failed", "The card was declined")
    assert (await pay(api)).body["status"] == "completed"
    assert (await api("GET", "/billing/2026-01")).body["totals"][0]["count"] == 1


async def test_an_order_is_paid_once(api: Api) -> None:
    assert (await pay(api)).status == 201
    again = await pay(api)
    assert (again.status, again.error["code"], again.error["message"]) == (
        409,
        "CONFLICT",
        "This order has been paid",
    )
    assert (await pay(api, "ord_2")).status == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": 0.001}, "amount"),
        ({"amount": 1.005}, "amount"),
        ({"amount": 1_000_000.01}, "amount"),
        ({"amount": True}, "amount"),
        ({"currency": "XYZ"}, "currency"),
        ({"method": "gold"}, "method"),
        ({"orderId": ""}, "orderId"),
        ({"orderId": "a b"}, "orderId"),
        ({"cardNumber": "1234"}, "cardNumber"),
        ({"cardNumber": "4242424242424242\n"}, "cardNumber"),
        ({"cardNumber": "4242424242424242", "method": "wallet"}, "cardNumber"),
        ({"status": "completed"}, "status"),
    ],
)
async def test_a_payment_that_does_not_fit_names_its_field(
    api: Api, change: dict[str, Any], field: str
) -> None:
    reply = await api("POST", "/payments", {"orderId": "ord_1", "amount": 10} | change)
    assert (reply.status, reply.field) == (400, field)


async def test_a_card_number_is_never_written(api: Api, tmp_path: Path) -> None:
    await pay(api, cardNumber="4242424242424242", key="k1")
    written = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert b"4242424242424242" not in written
    other_card = await pay(api, cardNumber="5555555555554242", key="k1")
    assert (
        other_card.headers["Idempotency-Replayed"] == "true"
    )  # so the fingerprint does not give it away, either


async def test_refunds_in_parts_until_nothing_remains(api: Api) -> None:
    id_ = (await pay(api, amount=100)).body["id"]
    first = await refund(api, id_, 30.5)
    assert (first.status, first.body["amount"], first.body["paymentId"]) == (201, 30.5, id_)
    payment = (await api("GET", f"/payments/{id_}")).body
    assert (payment["status"], payment["refunded"]) == ("partially_refunded", 30.5)
    too_much = await refund(api, id_, 69.51)
    assert (too_much.status, too_much.error["message"]) == (
        409,
        "Only 69.50 of this payment remain to be refunded",
    )
    assert (await refund(api, id_)).body["amount"] == 69.5
    payment = (await api("GET", f"/payments/{id_}")).body
    assert (payment["status"], payment["refunded"], payment["revision"]) == ("refunded", 100, 3)
    assert (await refund(api, id_)).status == 409
    listed = (await api("GET", f"/payments/{id_}/refunds")).body["items"]
    assert [r["amount"] for r in listed] == [69.5, 30.5]
    page = (await api("GET", f"/payments/{id_}/refunds?limit=1")).body
    rest = (await api("GET", f"/payments/{id_}/refunds?limit=1&cursor={page['nextCursor']}")).body
    assert page["items"] + rest["items"] == listed
    assert rest["nextCursor"] is None


async def test_a_whole_refund_needs_no_body_and_a_failed_payment_has_nothing_to_give_back(api: Api) -> None:
    id_ = (await pay(api)).body["id"]
    assert (await api("POST", f"/payments/{id_}/refunds")).body["amount"] == 100
    failed = (await pay(api, "ord_2", cardNumber="4000000000000002")).body["id"]
    assert (await refund(api, failed)).status == 409
    assert (await refund(api, "pay_none")).status == 404
    assert (await refund(api, id_, 0)).field == "amount"


async def test_payments_belong_to_their_users(api: Api) -> None:
    mine = (await pay(api)).body["id"]
    theirs = (await pay(api, who=OTHER)).body["id"]
    assert (await api("GET", f"/payments/{theirs}")).status == 404
    assert (await api("GET", f"/payments/{theirs}/refunds")).status == 404
    assert (await refund(api, theirs)).status == 404
    assert (await refund(api, theirs, who=SUPPORT)).status == 403
    assert (await refund(api, theirs, 1, who=ADMIN)).status == 201
    assert [p["id"] for p in (await api("GET", "/payments")).body["items"]] == [mine]
    assert (await api("GET", "/payments?userId=usr_other")).status == 403
    assert [p["id"] for p in (await api("GET", "/payments", who=ADMIN)).body["items"]] == [theirs, mine]


async def test_payments_are_filtered(api: Api) -> None:
    await pay(api, "ord_1")
    id_ = (await pay(api, "ord_2", cardNumber="4000000000000002")).body["id"]
    for query in ("orderId=ord_2", "status=failed"):
        assert [p["id"] for p in (await api("GET", f"/payments?{query}")).body["items"]] == [id_]
    assert (await api("GET", "/payments?status=lost")).field == "status"


async def test_a_repeated_payment_charges_once(tmp_path: Path) -> None:
    async with serving(tmp_path, "payment") as one, serving(tmp_path, "payment", slot=2) as two:
        replies = await asyncio.gather(*[pay(api, key="k1") for api in (one, two) for _ in range(10)])
        assert {(reply.status, reply.raw) for reply in replies} == {(201, replies[0].raw)}
        assert len([r for r in replies if "Idempotency-Replayed" not in r.headers]) == 1
        assert len((await one("GET", "/payments")).body["items"]) == 1
        assert (await pay(one, amount=99, key="k1")).error["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_repeated_refund_gives_back_once(api: Api) -> None:
    id_ = (await pay(api)).body["id"]
    replies = [await refund(api, id_, 40, key="r1") for _ in range(3)]
    assert {reply.raw for reply in replies} == {replies[0].raw}
    assert (await api("GET", f"/payments/{id_}")).body["refunded"] == 40


async def test_refunds_at_one_moment_give_back_no_more_than_was_paid(tmp_path: Path) -> None:
    async with serving(tmp_path, "payment") as one, serving(tmp_path, "payment", slot=2) as two:
        id_ = (await pay(one, amount=100)).body["id"]
        replies = await asyncio.gather(*[refund(api, id_, 30) for api in (one, two) for _ in range(5)])
        assert sorted(reply.status for reply in replies) == [201] * 3 + [409] * 7
        assert (await one("GET", f"/payments/{id_}")).body["refunded"] == 90


async def test_statements_sum_the_ledger_by_month_and_currency(api: Api, calendar: Calendar) -> None:
    first = (await pay(api, "ord_1", 10.10)).body["id"]
    await pay(api, "ord_2", 20.20)
    await pay(api, "ord_3", 5, currency="EUR")
    await pay(api, "ord_4", 1000, who=OTHER)
    calendar.at += 31 * DAY
    await refund(api, first, 0.1)
    await pay(api, "ord_5", 7)

    months = (await api("GET", "/billing")).body
    assert [month["month"] for month in months["items"]] == ["2026-02", "2026-01"]
    january, february = months["items"][1], months["items"][0]
    assert january["totals"] == [
        {"currency": "EUR", "charged": 5, "refunded": 0, "net": 5, "count": 1},
        {"currency": "USD", "charged": 30.3, "refunded": 0, "net": 30.3, "count": 2},
    ]
    assert february["totals"] == [{"currency": "USD", "charged": 7, "refunded": 0.1, "net": 6.9, "count": 2}]
    statement = (await api("GET", "/billing/2026-02")).body
    assert [(line["kind"], line["amount"], line["orderId"]) for line in statement["lines"]] == [
        ("charge", 7, "ord_5"),
        ("refund", -0.1, "ord_1"),
    ]
    assert statement["totals"] == february["totals"]


async def test_statements_are_paged_and_belong_to_their_users(api: Api, calendar: Calendar) -> None:
    for number in range(3):
        await pay(api, f"ord_{number}")
        await pay(api, f"ord_{number}", who=OTHER)
        calendar.at += 31 * DAY
    page = (await api("GET", "/billing?limit=2")).body
    rest = (await api("GET", f"/billing?limit=2&cursor={page['nextCursor']}")).body
    assert [m["month"] for m in page["items"] + rest["items"]] == ["2026-03", "2026-02", "2026-01"]
    assert (await api("GET", "/billing?userId=usr_other")).status == 403
    whole = (await api("GET", "/billing/2026-01?limit=1", who=ADMIN)).body
    assert whole["totals"][0]["charged"] == 200
    more = (await api("GET", f"/billing/2026-01?cursor={whole['nextCursor']}", who=ADMIN)).body
    assert [line["userId"] for line in whole["lines"] + more["lines"]] == ["usr_other", "usr_demo"]
    assert (await api("GET", "/billing/2026-01?userId=usr_other", who=ADMIN)).body["totals"][0][
        "charged"
    ] == 100
    wrong_month = await api("GET", f"/billing/2026-02?cursor={whole['nextCursor']}", who=ADMIN)
    assert wrong_month.field == "cursor"


async def test_a_month_without_payments_is_empty_and_one_that_is_none_is_refused(api: Api) -> None:
    assert (await api("GET", "/billing/2001-01")).body == {
        "month": "2001-01",
        "totals": [],
        "lines": [],
        "nextCursor": None,
    }
    for month in ("2026-13", "2026-1", "january"):
        assert (await api("GET", f"/billing/{month}")).field == "month"


async def test_the_ledger_agrees_with_the_payments(api: Api, tmp_path: Path) -> None:
    for number in range(5):
        id_ = (await pay(api, f"ord_{number}", 10)).body["id"]
        await refund(api, id_, number + 1)
    with sqlite3.connect(tmp_path / "data" / "payments.db") as connection:
        kept = connection.execute("SELECT sum(amount - refunded) FROM payments").fetchone()
        moved = connection.execute("SELECT sum(amount) FROM ledger").fetchone()
    connection.close()
    assert kept == moved == (3500,)
