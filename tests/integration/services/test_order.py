"""The order service, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.services.api import ADMIN, DEMO, NOBODY, OTHER, SUPPORT, Api, Reply, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path, "order") as api:
        yield api


async def place(
    api: Api, *lines: tuple[str, int], who: tuple[str, str] = DEMO, key: str | None = None
) -> Reply:
    items = [{"productId": product, "quantity": quantity} for product, quantity in lines or [("prod1", 1)]]
    return await api("POST", "/orders", {"items": items}, who=who, key=key)


async def stock(api: Api, product: str = "prod1") -> int:
    return int((await api("GET", f"/products/{product}")).body["stock"])


async def test_the_demo_products_are_there(api: Api) -> None:
    page = (await api("GET", "/products")).body
    assert [(p["id"], p["price"], p["stock"]) for p in page["items"]] == [
        ("prod1", 29.99, 100_000),
        ("prod2", 59.99, 100_000),
    ]
    assert b'"price":29.99,' in (await api("GET", "/products/prod1")).raw
    assert (await api("GET", "/products/prod9")).status == 404


async def test_admins_keep_the_catalogue(api: Api) -> None:
    assert (await api("POST", "/products", {"name": "Mouse", "price": 9.5, "stock": 3})).status == 403
    made = await api("POST", "/products", {"name": "Mouse", "price": 9.5, "stock": 3}, who=ADMIN)
    assert made.status == 201
    id_ = made.body["id"]
    assert made.headers["Location"] == f"products/{id_}"
    changed = await api("PATCH", f"/products/{id_}", {"stock": 5, "price": 10.05}, who=ADMIN)
    assert (changed.body["stock"], changed.body["price"], changed.body["name"]) == (5, 10.05, "Mouse")
    assert (await api("PATCH", f"/products/{id_}", {"stock": 5})).status == 403
    assert (await api("PATCH", "/products/prod9", {"stock": 5}, who=ADMIN)).status == 404
    page = (await api("GET", "/products?limit=2")).body
    rest = (await api("GET", f"/products?cursor={page['nextCursor']}")).body
    assert [p["id"] for p in rest["items"]] == [id_]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "price": 1.005}, "price"),
        ({"name": "x", "price": 0}, "price"),
        ({"name": "x", "price": -1}, "price"),
        ({"name": "x", "price": 1, "stock": -1}, "stock"),
        ({"name": " ", "price": 1}, "name"),
        ({"price": 1}, "name"),
    ],
)
async def test_a_product_that_does_not_fit_names_its_field(
    api: Api, body: dict[str, Any], field: str
) -> None:
    assert (await api("POST", "/products", body, who=ADMIN)).field == field


async def test_a_product_patch_must_change_something(api: Api) -> None:
    assert (await api("PATCH", "/products/prod1", {}, who=ADMIN)).status == 400


async def test_placing_an_order_takes_stock_and_catalogue_prices(api: Api) -> None:
    reply = await place(api, ("prod1", 2), ("prod2", 1))
    assert reply.status == 202
    assert {"sagaId": None, "status": "pending"}.items() <= reply.body.items()
    assert reply.headers["Location"] == f"orders/{reply.body['id']}"
    order = (await api("GET", f"/orders/{reply.body['id']}")).body
    assert (order["userId"], order["status"], order["total"], order["paymentId"]) == (
        "usr_demo",
        "pending",
        119.97,
        None,
    )
    assert [(i["productId"], i["quantity"], i["price"], i["subtotal"]) for i in order["items"]] == [
        ("prod1", 2, 29.99, 59.98),
        ("prod2", 1, 59.99, 59.99),
    ]
    assert (await stock(api), await stock(api, "prod2")) == (99_998, 99_999)


async def test_a_product_on_two_lines_is_one_line_of_the_order(api: Api) -> None:
    reply = await place(api, ("prod1", 2), ("prod1", 3))
    (item,) = (await api("GET", f"/orders/{reply.body['id']}")).body["items"]
    assert item["quantity"] == 5


async def test_what_is_not_there_in_full_is_not_sold_in_part(api: Api) -> None:
    await api("PATCH", "/products/prod2", {"stock": 3}, who=ADMIN)
    reply = await place(api, ("prod1", 1), ("prod2", 4))
    assert (reply.status, reply.error["code"], reply.error["message"]) == (
        409,
        "CONFLICT",
        "Insufficient inventory",
    )
    assert reply.error["details"] == [
        {
            "field": "items[1].quantity",
            "message": "is more than the 3 that are left of prod2",
            "bound": 3,
            "unit": "pieces",
        }
    ]
    assert (await stock(api), await stock(api, "prod2")) == (100_000, 3)
    assert (await api("GET", "/orders")).body["items"] == []


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "items"),
        ([{"productId": "prod1", "quantity": 0}], "items[0].quantity"),
        ([{"productId": "prod1", "quantity": 1001}], "items[0].quantity"),
        ([{"productId": "prod1", "quantity": 1.5}], "items[0].quantity"),
        ([{"productId": "prod1"}], "items[0].quantity"),
        (
            [{"productId": "prod1", "quantity": 1}, {"productId": "prod9", "quantity": 1}],
            "items[1].productId",
        ),
        ([{"productId": "prod1", "quantity": 1, "price": 29.98}], "items[0].price"),
        ([{"productId": "prod1", "quantity": 1, "price": 29.995}], "items[0].price"),
        ([{"productId": "prod1", "quantity": 1}] * 51, "items"),
        ([{"productId": "prod1", "quantity": 600}] * 2, "items[1].quantity"),
    ],
)
async def test_an_order_that_does_not_fit_names_its_field(api: Api, items: list[Any], field: str) -> None:
    reply = await api("POST", "/orders", {"items": items})
    assert (reply.status, reply.field) == (400, field)
    assert await stock(api) == 100_000


async def test_no_items_are_refused_in_the_words_of_the_saga(api: Api) -> None:
    assert (await api("POST", "/orders", {"items": []})).error["message"] == "Order must contain items"


async def test_the_catalogue_s_own_price_may_be_sent(api: Api) -> None:
    items = [{"productId": "prod1", "quantity": 1, "price": 29.99}]
    assert (await api("POST", "/orders", {"items": items})).status == 202


async def test_an_order_is_bounded_in_what_it_costs(api: Api) -> None:
    product = (
        await api("POST", "/products", {"name": "Gold", "price": 1_000_000, "stock": 9}, who=ADMIN)
    ).body["id"]
    assert (await place(api, (product, 2))).field == "items"
    assert (await place(api, (product, 1))).status == 202


async def test_customers_see_their_orders_admins_and_support_all(api: Api) -> None:
    mine = (await place(api)).body["id"]
    theirs = (await place(api, who=OTHER)).body["id"]
    assert (await api("GET", f"/orders/{theirs}")).status == 404
    assert [o["id"] for o in (await api("GET", "/orders")).body["items"]] == [mine]
    assert [o["id"] for o in (await api("GET", "/orders?userId=usr_demo")).body["items"]] == [mine]
    assert (await api("GET", "/orders?userId=usr_other")).status == 403
    for who in (ADMIN, SUPPORT):
        assert [o["id"] for o in (await api("GET", "/orders", who=who)).body["items"]] == [theirs, mine]
        found = (await api("GET", "/orders?userId=usr_other", who=who)).body["items"]
        assert [o["id"] for o in found] == [theirs]


async def test_orders_are_filtered_and_paged(api: Api) -> None:
    ids = [(await place(api)).body["id"] for _ in range(5)]
    await api("PATCH", f"/orders/{ids[0]}", {"status": "cancelled"})
    found = (await api("GET", "/orders?status=cancelled")).body["items"]
    assert [o["id"] for o in found] == [ids[0]]
    assert (await api("GET", "/orders?from=2020-01-01&to=2020-02-01")).body["items"] == []
    assert len((await api("GET", "/orders?from=2020-01-01T00:00:00Z")).body["items"]) == 5
    created = (await api("GET", f"/orders/{ids[2]}")).body["createdAt"]
    assert len((await api("GET", f"/orders?from={created - 0.0001:.9f}")).body["items"]) == 3
    assert (await api("GET", "/orders?from=soon")).field == "from"
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api("GET", f"/orders?limit=2&cursor={cursor}")).body
        seen += [o["id"] for o in page["items"]]
        cursor = page["nextCursor"]
    assert seen == ids[::-1]


async def test_a_customer_cancels_and_the_stock_comes_back(api: Api) -> None:
    id_ = (await place(api, ("prod1", 7), ("prod2", 2))).body["id"]
    assert (await api("PATCH", f"/orders/{id_}", {"status": "cancelled"}, who=OTHER)).status == 404
    reply = await api("PATCH", f"/orders/{id_}", {"status": "cancelled"})
    assert (reply.status, reply.body["status"], reply.body["revision"]) == (200, "cancelled", 2)
    assert (await stock(api), await stock(api, "prod2")) == (100_000, 100_000)
    assert (await api("PATCH", f"/orders/{id_}", {"status": "cancelled"})).status == 409
    assert await stock(api) == 100_000


async def test_who_may_make_which_move(api: Api) -> None:
    id_ = (await place(api)).body["id"]
    assert (await api("PATCH", f"/orders/{id_}", {"status": "confirmed"})).status == 403
    assert (await api("PATCH", f"/orders/{id_}", {"status": "cancelled"}, who=SUPPORT)).status == 403
    assert (await api("PATCH", f"/orders/{id_}", {"status": "shipped"}, who=ADMIN)).status == 409
    assert (await api("PATCH", f"/orders/{id_}", {"status": "gone"}, who=ADMIN)).field == "status"
    for status in ("confirmed", "paid"):
        assert (await api("PATCH", f"/orders/{id_}", {"status": status}, who=ADMIN)).body["status"] == status
    assert (await api("PATCH", f"/orders/{id_}", {"status": "cancelled"})).status == 403
    assert (await api("PATCH", f"/orders/{id_}", {"status": "shipped"}, who=ADMIN)).status == 200
    assert (await api("PATCH", f"/orders/{id_}", {"status": "cancelled"}, who=ADMIN)).status == 409
    assert (await api("PATCH", "/orders/ord_none", {"status": "paid"}, who=ADMIN)).status == 404


async def test_a_payment_is_noted_when_an_order_becomes_paid(api: Api) -> None:
    id_ = (await place(api)).body["id"]
    body = {"status": "confirmed", "paymentId": "pay_1"}
    assert (await api("PATCH", f"/orders/{id_}", body, who=ADMIN)).field == "paymentId"
    body = {"status": "paid", "paymentId": "pay_1"}
    assert (await api("PATCH", f"/orders/{id_}", body, who=ADMIN)).body["paymentId"] == "pay_1"


async def test_a_cart_is_filled_changed_and_emptied(api: Api) -> None:
    assert (await api("GET", "/cart")).body == {"userId": "usr_demo", "items": [], "total": 0}
    await api("PUT", "/cart/items/prod2", {"quantity": 1})
    await api("PUT", "/cart/items/prod1", {"quantity": 1})
    cart = (await api("PUT", "/cart/items/prod2", {"quantity": 3})).body
    assert [(i["productId"], i["quantity"], i["subtotal"]) for i in cart["items"]] == [
        ("prod2", 3, 179.97),
        ("prod1", 1, 29.99),
    ]
    assert cart["total"] == 209.96
    assert (await api("GET", "/cart", who=OTHER)).body["items"] == []
    assert len((await api("DELETE", "/cart/items/prod1")).body["items"]) == 1
    assert (await api("DELETE", "/cart/items/prod1")).status == 404
    assert (await api("DELETE", "/cart")).status == 204
    assert (await api("GET", "/cart")).body["items"] == []


async def test_a_cart_says_what_is_not_available(api: Api) -> None:
    await api("PATCH", "/products/prod1", {"stock": 1}, who=ADMIN)
    (item,) = (await api("PUT", "/cart/items/prod1", {"quantity": 2})).body["items"]
    assert item["available"] is False


async def test_a_cart_is_bounded(api: Api) -> None:
    assert (await api("PUT", "/cart/items/prod9", {"quantity": 1})).status == 404
    assert (await api("PUT", "/cart/items/prod1", {"quantity": 1001})).field == "quantity"
    for number in range(51):
        made = await api("POST", "/products", {"name": f"P{number}", "price": 1}, who=ADMIN)
        reply = await api("PUT", f"/cart/items/{made.body['id']}", {"quantity": 1})
        assert reply.status == (200 if number < 50 else 400)


async def test_checkout_orders_the_cart_and_empties_it(api: Api) -> None:
    await api("PUT", "/cart/items/prod1", {"quantity": 4})
    reply = await api("POST", "/cart/checkout")
    assert reply.status == 202
    assert reply.headers["Location"] == f"../orders/{reply.body['id']}"
    assert (await api("GET", f"/orders/{reply.body['id']}")).body["total"] == 119.96
    assert (await api("GET", "/cart")).body["items"] == []
    assert (await api("POST", "/cart/checkout")).error["message"] == "Order must contain items"


async def test_a_checkout_that_fails_leaves_the_cart(api: Api) -> None:
    await api("PUT", "/cart/items/prod1", {"quantity": 4})
    await api("PATCH", "/products/prod1", {"stock": 3}, who=ADMIN)
    assert (await api("POST", "/cart/checkout")).status == 409
    assert len((await api("GET", "/cart")).body["items"]) == 1


async def test_a_repeated_checkout_orders_once(api: Api) -> None:
    await api("PUT", "/cart/items/prod1", {"quantity": 4})
    first = await api("POST", "/cart/checkout", key="c1")
    again = await api("POST", "/cart/checkout", key="c1")
    assert (again.status, again.body) == (first.status, first.body)
    assert await stock(api) == 99_996


async def test_a_repeated_order_is_placed_once_and_answered_alike(api: Api) -> None:
    first = await place(api, key="k1")
    again = await place(api, key="k1")
    assert (again.status, again.raw, again.headers["Location"]) == (202, first.raw, first.headers["Location"])
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await stock(api) == 99_999


async def test_a_key_is_for_one_request_of_one_user(api: Api) -> None:
    mine = await place(api, key="k1")
    reused = await place(api, ("prod1", 2), key="k1")
    assert (reused.status, reused.error["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (await api("POST", "/cart/checkout", key="k1")).status == 422
    theirs = await place(api, who=OTHER, key="k1")
    assert theirs.body["id"] != mine.body["id"]


async def test_a_request_that_failed_may_be_tried_again_under_its_key(api: Api) -> None:
    await api("PATCH", "/products/prod1", {"stock": 0}, who=ADMIN)
    assert (await place(api, key="k1")).status == 409
    await api("PATCH", "/products/prod1", {"stock": 1}, who=ADMIN)
    assert (await place(api, key="k1")).status == 202


async def test_nobody_orders_without_an_identity(api: Api) -> None:
    assert (await api("POST", "/orders", {"items": []}, who=NOBODY)).status == 401


async def test_one_cancellation_of_many_gives_the_stock_back(tmp_path: Path) -> None:
    async with serving(tmp_path, "order") as one, serving(tmp_path, "order", slot=2) as two:
        id_ = (await place(one, ("prod1", 5))).body["id"]
        replies = await asyncio.gather(
            *[api("PATCH", f"/orders/{id_}", {"status": "cancelled"}) for api in (one, two) for _ in range(5)]
        )
        assert sorted(reply.status for reply in replies) == [200] + [409] * 9
        assert await stock(one) == 100_000
