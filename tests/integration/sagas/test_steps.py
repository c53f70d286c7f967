"""The services' steps, as the orchestrator asks for them: once, undone whatever happened, and never after their undoing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.services.api import ADMIN, DEMO, Api, Reply, serving

ORCHESTRATOR = ("orchestrator", "admin")
ITEMS = [{"productId": "prod1", "quantity": 2, "price": 29.99}, {"productId": "prod2", "quantity": 1}]
ORDER = {"orderId": "ord_1", "userId": "usr_demo", "items": ITEMS}
ONE = {"orderId": "ord_1"}
CREATE = {"orderId": "ord_1", "paymentId": "pay_1"}
CHARGE = {"orderId": "ord_1", "userId": "usr_demo", "amount": 119.97}
REFUND = {"orderId": "ord_1", "userId": "usr_demo"}


class Steps:
    def __init__(self, api: Api, saga: str = "saga_1") -> None:
        self.api = api
        self._saga = saga

    async def do(self, name: str, body: object) -> Reply:
        return await self.api("POST", f"/saga/{name}", body, who=ORCHESTRATOR, key=f"{self._saga}:{name}:do")

    async def undo(self, name: str, body: object) -> Reply:
        return await self.api(
            "POST", f"/saga/{name}/undo", body, who=ORCHESTRATOR, key=f"{self._saga}:{name}:undo"
        )

    async def stock(self) -> list[int]:
        return [item["stock"] for item in (await self.api("GET", "/products", who=ADMIN)).body["items"]]

    async def order(self) -> Any:
        return (await self.api("GET", "/orders/ord_1", who=ADMIN)).body


@asynccontextmanager
async def orders(tmp_path: Path) -> AsyncIterator[Steps]:
    async with serving(tmp_path, "order") as api:
        yield Steps(api)


async def test_only_the_orchestrator_may_ask(tmp_path: Path) -> None:
    async with orders(tmp_path) as steps:
        for who in (ADMIN, DEMO):
            reply = await steps.api("POST", "/saga/reserve-inventory", ONE, who=who, key="s:x:do")
            assert (reply.status, reply.error["code"]) == (403, "FORBIDDEN")
        keyless = await steps.api("POST", "/saga/reserve-inventory", ONE, who=ORCHESTRATOR)
        assert (keyless.status, keyless.field) == (400, "Idempotency-Key")


async def test_an_order_is_written_reserved_and_confirmed_each_once(tmp_path: Path) -> None:
    async with orders(tmp_path) as steps:
        for _ in range(2):
            validated = await steps.do("validate-order", ORDER)
            assert (validated.status, validated.body["total"]) == (200, 119.97)
            assert (await steps.order())["status"] == "pending"
        assert await steps.stock() == [100_000, 100_000], "nothing is taken yet"
        for _ in range(2):
            reserved = await steps.do("reserve-inventory", ONE)
            assert [each["quantity"] for each in reserved.body["reservations"]] == [2, 1]
            assert await steps.stock() == [99_998, 99_999]
        for _ in range(2):
            created = await steps.do("create-order", CREATE)
            assert (created.body["order"]["status"], created.body["order"]["paymentId"]) == (
                "confirmed",
                "pay_1",
            )


@pytest.mark.parametrize("reached", range(4))
async def test_whatever_happened_is_undone_and_nothing_comes_after(tmp_path: Path, reached: int) -> None:
    done = [("validate-order", ORDER), ("reserve-inventory", ONE), ("create-order", CREATE)]
    async with orders(tmp_path) as steps:
        for name, body in done[:reached]:
            assert (await steps.do(name, body)).status == 200
        for _ in range(2):
            for name, _body in reversed(done):
                assert (await steps.undo(name, ONE)).status == 200
        assert await steps.stock() == [100_000, 100_000]
        for name, body in done[reached:]:
            late = await steps.do(name, body)
            assert (late.status, late.error["message"]) == (409, "This was undone before it arrived")
        assert await steps.stock() == [100_000, 100_000]
        if reached:
            assert (await steps.order())["status"] == "cancelled"


async def test_what_cannot_be_reserved_takes_nothing(tmp_path: Path) -> None:
    async with orders(tmp_path) as steps:
        await steps.api("PATCH", "/products/prod2", {"stock": 0}, who=ADMIN)
        await steps.do("validate-order", ORDER)
        reply = await steps.do("reserve-inventory", ONE)
        assert (reply.status, reply.error["message"]) == (409, "Insufficient inventory")
        assert await steps.stock() == [100_000, 0]


async def test_an_order_that_was_cancelled_meanwhile_is_not_confirmed(tmp_path: Path) -> None:
    async with orders(tmp_path) as steps:
        await steps.do("validate-order", ORDER)
        await steps.do("reserve-inventory", ONE)
        assert (await steps.api("PATCH", "/orders/ord_1", {"status": "cancelled"})).status == 200
        reply = await steps.do("create-order", CREATE)
        assert (reply.status, reply.error["message"]) == (
            409,
            "An order that is cancelled cannot be confirmed",
        )


async def test_an_order_on_its_way_cannot_be_undone(tmp_path: Path) -> None:
    async with orders(tmp_path) as steps:
        for name, body in (("validate-order", ORDER), ("reserve-inventory", ONE), ("create-order", CREATE)):
            await steps.do(name, body)
        for status in ("paid", "shipped"):
            assert (await steps.api("PATCH", "/orders/ord_1", {"status": status}, who=ADMIN)).status == 200
        assert (await steps.undo("create-order", ONE)).status == 409
        assert (await steps.do("check-refund", ONE)).status == 409


async def test_an_order_is_charged_once_and_given_back_once(tmp_path: Path) -> None:
    async with serving(tmp_path, "payment") as api:
        steps = Steps(api)
        charged = [await steps.do("process-payment", CHARGE) for _ in range(2)]
        assert charged[0].body == charged[1].body
        again = await Steps(api, "saga_2").do("process-payment", CHARGE)
        assert again.body["paymentId"] == charged[0].body["paymentId"], "of an order there is one payment"
        for _ in range(2):
            assert (await steps.undo("process-payment", REFUND)).body["refunded"] == 119.97
        payments = (await api("GET", "/payments")).body["items"]
        assert [(each["status"], each["refunded"]) for each in payments] == [("refunded", 119.97)]


async def test_a_charge_that_arrives_after_its_refund_moves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, "payment") as api:
        steps = Steps(api)
        assert (await steps.undo("process-payment", REFUND)).body == {"paymentId": None, "refunded": 0}
        assert (await steps.do("process-payment", CHARGE)).status == 409
        assert (await api("GET", "/payments")).body["items"] == []


async def test_what_the_owner_paid_by_hand_is_taken_if_it_is_enough(tmp_path: Path) -> None:
    async with serving(tmp_path, "payment") as api:
        paid = await api("POST", "/payments", {"orderId": "ord_1", "amount": 119.97})
        assert (await Steps(api).do("process-payment", CHARGE)).body["paymentId"] == paid.body["id"]
        await api("POST", "/payments", {"orderId": "ord_2", "amount": 1})
        reply = await Steps(api, "saga_2").do("process-payment", {**CHARGE, "orderId": "ord_2"})
        assert (reply.status, reply.error["message"]) == (409, "Payment processing failed")


async def test_an_order_is_confirmed_to_its_owner_once_and_taken_back_once(tmp_path: Path) -> None:
    body = {"orderId": "ord_1", "userId": "usr_demo", "order": {"items": ITEMS, "total": 119.97}}
    async with serving(tmp_path, "notification") as api:
        for saga in ("saga_1", "saga_1", "saga_2"):
            assert (await Steps(api, saga).do("send-confirmation", body)).body["confirmationSent"]
        for _ in range(2):
            await Steps(api).undo("send-confirmation", {**REFUND, "reason": "Payment processing failed"})
        notices = (await api("GET", "/notifications")).body["items"]
        assert [each["template"] for each in notices] == ["order_cancelled", "order_confirmation"]
