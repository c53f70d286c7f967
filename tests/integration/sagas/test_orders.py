"""Orders through the gateway of a running system: each is a saga, whatever is asked and whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.helpers.eventually import until
from tests.helpers.order_sagas import ITEMS, Shop, rows, shop
from tests.helpers.system import away_from_others, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("orders")
    async with running_system(away_from_others(folder / "ws")) as system, shop(system) as place:
        yield place


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def customer(place: Shop) -> httpx.AsyncClient:
    place.system.gateway.headers.update(await place.system.login())
    return place.system.gateway


async def order(
    client: httpx.AsyncClient, items: Any = ITEMS, query: str = "", key: str | None = None
) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(f"/api/orders{query}", json={"items": items}, headers=headers)


async def test_an_order_is_taken_on_and_can_be_watched_until_it_is_paid(
    place: Shop, customer: httpx.AsyncClient
) -> None:
    answer = await order(customer)
    placed = answer.json()
    assert answer.status_code == 202
    assert placed["sagaId"].startswith("saga_")
    location = httpx.URL(str(answer.request.url)).join(answer.headers["location"]).path
    assert location == f"/api/orders/{placed['id']}"

    async def paid() -> Any:
        found = (await customer.get(location)).json()
        return found if found["status"] == "paid" else None

    found = await until(paid, 10)
    assert (found["total"], found["userId"]) == (119.97, "usr_demo")
    saga = await place.ended(placed["sagaId"])  # it may be paid before it is confirmed to its owner
    assert (saga["state"], [step["state"] for step in saga["steps"]]) == ("completed", ["completed"] * 5)
    assert saga["data"]["orderId"] == placed["id"]


async def test_whoever_waits_hears_what_became_of_it(customer: httpx.AsyncClient) -> None:
    answer = await order(customer, query="?wait=10")
    assert answer.status_code == 201
    assert answer.json()["status"] in ("confirmed", "paid")
    for wait in ("-1", "31", "soon"):
        refused = await order(customer, query=f"?wait={wait}")
        assert refused.status_code == 400


@pytest.mark.parametrize(
    ("items", "status", "message"),
    [
        ([], 400, "Order must contain items"),
        ([{"productId": "none", "quantity": 1}], 400, "items[0].productId is not a product of the catalogue"),
        ([{"productId": "prod1", "quantity": 0}], 400, "items[0].quantity must be at least 1"),
        ([{"productId": "prod1", "quantity": 10**12}], 400, "items[0].quantity must be at most 1000"),
        ([{"productId": "prod1", "quantity": 1, "price": 0.01}], 400, "items[0].price is not the catalogue's, which is 29.99"),
        ("all", 400, "items must be a list, not a text"),
    ],
)  # fmt: skip
async def test_what_cannot_be_ordered_is_refused_at_once(
    customer: httpx.AsyncClient, items: Any, status: int, message: str
) -> None:
    answer = await order(customer, items)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)
    assert answer.json()["error"]["details"]


async def test_malformed_requests_are_refused(customer: httpx.AsyncClient) -> None:
    answer = await customer.post(
        "/api/orders", content=b'{"items": [', headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_FAILED")


async def test_too_little_in_stock_takes_nothing(place: Shop, customer: httpx.AsyncClient) -> None:
    admin = await place.system.login("admin@faultdeck.local")
    new = {"name": "Rare", "price": 1, "stock": 1}
    product = (await customer.post("/api/products", json=new, headers=admin)).json()["id"]
    answer = await order(customer, [{"productId": product, "quantity": 2}])
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "Insufficient inventory")
    assert (await customer.get(f"/api/products/{product}")).json()["stock"] == 1


async def test_a_request_under_a_key_orders_once(customer: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(order(customer, key="k1") for _ in range(3)))
    answers.append(await order(customer, key="k1"))
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await order(customer, ITEMS[:1], key="k1")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_cart_is_checked_out_once_and_is_empty_then(customer: httpx.AsyncClient) -> None:
    assert (await customer.post("/api/cart/checkout")).json()["error"][
        "message"
    ] == "Order must contain items"
    await customer.put("/api/cart/items/prod1", json={"quantity": 2})
    headers = {"Idempotency-Key": "c1"}
    first = await customer.post("/api/cart/checkout", headers=headers)
    assert first.status_code == 202
    location = httpx.URL(str(first.request.url)).join(first.headers["location"]).path
    assert location == f"/api/orders/{first.json()['id']}"
    assert (await customer.get("/api/cart")).json()["items"] == []
    again = await customer.post("/api/cart/checkout", headers=headers)
    assert again.json()["id"] == first.json()["id"]


async def test_a_payment_that_fails_is_told_and_leaves_nothing(place: Shop) -> None:
    id_ = await place.start({"process-payment": {"kind": "fail-step"}})
    saga = await place.ended(id_)
    assert (saga["state"], saga["failure"]) == ("compensated", "Payment processing failed")
    assert [step["state"] for step in saga["steps"]] == ["compensated"] * 2 + ["failed"] + ["pending"] * 2
    assert [line["what"] for line in saga["journal"]][:2] == ["started", "called"]


async def test_an_unknown_user_can_order_nothing(place: Shop) -> None:
    saga = await place.ended(await place.start(user="usr_nobody"))
    assert (saga["state"], saga["failure"]) == ("compensated", "There is no such user")


async def test_an_order_is_given_back_by_a_saga_of_another_shape(
    place: Shop, customer: httpx.AsyncClient
) -> None:
    bought = (await order(customer, query="?wait=10")).json()["id"]
    data = {"name": "refund-order", "data": {"orderId": bought, "reason": "wrong colour"}}

    async def refunded() -> Any:
        answer = await place.ask("POST", "/sagas", data)
        saga = await place.ended(answer.json()["id"])
        return saga if saga["state"] == "completed" else None

    await until(refunded, 10)
    assert (await customer.get(f"/api/orders/{bought}")).json()["status"] == "cancelled"
    payments = (await customer.get(f"/api/payments?orderId={bought}")).json()["items"]
    assert [payment["status"] for payment in payments] == ["refunded"]


async def test_a_paid_order_that_is_cancelled_is_refunded_once_whoever_dies_meanwhile(
    place: Shop, customer: httpx.AsyncClient
) -> None:
    admin = await place.system.login("admin@faultdeck.local")
    bought = [(await order(customer, query="?wait=10")).json()["id"] for _ in range(4)]
    for number, id_ in enumerate(bought):
        if number:
            await place.kill(f"{'order' if number == 1 else 'payment'}-{1 + number % 2}")

        async def cancelled(id_: str = id_) -> Any:
            answer = await customer.patch(f"/api/orders/{id_}", json={"status": "cancelled"}, headers=admin)
            # The answer to one whose instance was killed may be lost: then the next finds it cancelled.
            return answer if answer.status_code in (200, 409) else None

        await until(cancelled, 10)

    async def refunded() -> Any:
        found = [(await customer.get(f"/api/payments?orderId={id_}")).json().get("items") for id_ in bought]
        return all(items and items[0]["status"] == "refunded" for items in found) or None

    await until(refunded, 20)
    given = rows(
        Path(place.system.ready.workspace) / "data" / "payments.db",
        "SELECT order_id, COUNT(*), SUM(-ledger.amount) FROM ledger WHERE kind = 'refund' GROUP BY order_id",
    )
    assert {row for row in given if row[0] in bought} == {(id_, 1, 11_997) for id_ in bought}
    for id_ in bought:
        assert (await customer.get(f"/api/orders/{id_}")).json()["status"] == "cancelled"


async def test_sagas_are_listed_filtered_and_paged(place: Shop) -> None:
    newest = await place.start({"create-order": {"kind": "fail-step"}})
    await place.ended(newest)
    page = (await place.ask("GET", "/sagas?limit=2")).json()
    assert page["items"][0]["id"] == newest
    assert page["counts"]["compensated"] >= 1
    following = (await place.ask("GET", f"/sagas?limit=2&cursor={page['nextCursor']}")).json()
    assert following["items"][0]["seq"] == page["items"][1]["seq"] - 1
    found = (await place.ask("GET", f"/sagas?state=compensated&q={newest}")).json()
    assert [saga["id"] for saga in found["items"]] == [newest]
    kinds = (await place.ask("GET", "/saga-kinds")).json()["items"]
    assert [kind["name"] for kind in kinds] == ["order-processing", "refund-order"]
    assert (await place.ask("GET", "/sagas?state=odd")).status_code == 400
    assert (await place.ask("GET", "/sagas/saga_none")).status_code == 404


async def test_the_steps_are_not_for_the_gateway_s_clients(place: Shop, customer: httpx.AsyncClient) -> None:
    admin = await place.system.login("admin@faultdeck.local")
    for path in ("/api/saga/reserve-inventory", "/api/orders/../saga/reserve-inventory", "/api/sagas"):
        assert (await customer.post(path, json={}, headers=admin)).status_code in (400, 404, 405)


async def test_without_the_orchestrator_orders_are_unavailable_and_the_rest_goes_on(
    place: Shop, customer: httpx.AsyncClient
) -> None:
    bearer = {"Authorization": f"Bearer {place.system.ready.token}"}
    act = f"{place.system.ready.control}/v1/processes/orchestrator"
    assert (await place.client.post(f"{act}/freeze", headers=bearer)).status_code in (200, 202)

    async def unavailable() -> Any:
        answer = await customer.post("/api/orders", json={"items": ITEMS}, timeout=0.5)
        return answer if answer.status_code == 503 else None

    async def patiently() -> Any:
        try:
            return await unavailable()
        except httpx.TimeoutException:
            return None  # it was sent before it was known

    assert (await until(patiently, 10)).json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert (await customer.get("/api/orders")).status_code == 200
    assert (await place.client.post(f"{act}/thaw", headers=bearer)).status_code in (200, 202)

    async def taken() -> Any:
        return (await order(customer)).status_code == 202 or None

    await until(taken, 10)


async def test_one_trace_and_the_sagas_events_go_with_an_order(
    place: Shop, customer: httpx.AsyncClient
) -> None:
    trace = "c" * 32
    headers = {"traceparent": f"00-{trace}-{'d' * 16}-01"}
    answer = await customer.post("/api/orders?wait=10", json={"items": ITEMS}, headers=headers)
    saga = (await place.ask("GET", f"/sagas?q={answer.json()['id']}")).json()["items"][0]
    told = answer.headers.get("traceparent", "")
    assert len(saga["traceId"]) == 32
    assert not told or saga["traceId"] in told
    bearer = {"Authorization": f"Bearer {place.system.ready.token}"}

    async def heard() -> Any:
        url = f"{place.system.ready.control}/v1/events?type=saga.%23&limit=100"
        items = (await place.client.get(url, headers=bearer)).json()["items"]
        mine = [item for item in items if saga["id"] in str(item)]
        return mine if len(mine) == 7 else None

    mine = await until(heard, 10)
    assert sorted({item["type"] for item in mine}) == [
        "saga.completed",
        "saga.started",
        "saga.step.completed",
    ]
    assert {item["traceId"] if "traceId" in item else saga["traceId"] for item in mine} == {saga["traceId"]}


async def test_in_the_end_everything_adds_up(place: Shop) -> None:
    await place.quiet()
    data = Path(place.system.ready.workspace) / "data"
    assert rows(data / "orders.db", "SELECT COUNT(*) FROM orders WHERE status = 'paid'")[0][0] > 3
    assert place.audit() == []
