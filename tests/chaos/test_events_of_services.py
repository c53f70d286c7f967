"""A whole system whose broker and services are killed and frozen while orders come in: each order that was taken is
confirmed to its owner once, and each that is paid becomes paid.
"""

import asyncio
import sqlite3
from pathlib import Path
from random import Random

import httpx
import pytest

from embedded_services.common.tasks import Tasks
from tests.helpers.broker_node import EmbeddedNode
from tests.helpers.eventually import until
from tests.helpers.system import running_system

LOAD_S = 15.0
VICTIMS = ("order-1", "order-2", "notification-1", "notification-2", "payment-1", "payment-2")
ITEMS = [{"productId": "prod1", "quantity": 1}]


def rows(path: Path, query: str) -> list[str]:
    with sqlite3.connect(path) as database:
        found = [row[0] for row in database.execute(query)]
    database.close()
    return found


async def shop(client: httpx.AsyncClient, number: int, stop: asyncio.Event) -> None:
    """Orders and pays, over and over."""
    person = {"email": f"p{number}@example.com", "password": "faultdeck1", "name": "P"}
    token = (await client.post("/api/auth/register", json=person)).json()["token"]
    for turn in range(1_000_000):
        if stop.is_set():
            return
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{number}-{turn}"}
        order = await client.post("/api/orders", json={"items": ITEMS}, headers=headers)
        if order.status_code == 202:
            payment = {"orderId": order.json()["id"], "amount": 29.99}
            await client.post("/api/payments", json=payment, headers=headers)
        await asyncio.sleep(0.03)


async def harm(control: httpx.AsyncClient, node: EmbeddedNode, random: Random) -> None:
    match random.choice(("instance", "instance", "kill", "freeze")):
        case "instance":
            await control.post(f"/v1/instances/{random.choice(VICTIMS)}/kill")
        case "kill":
            node.kill()
            await asyncio.sleep(random.uniform(0, 1))
            node.start()
        case _:
            node.freeze()
            await asyncio.sleep(random.uniform(0, 1))
            node.thaw()


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", range(3))
async def test_each_order_is_confirmed_once_and_paid_once(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    (tmp_path / "broker").mkdir()
    node = EmbeddedNode(tmp_path / "broker")
    node.start()
    orders, notices = tmp_path / "data" / "orders.db", tmp_path / "data" / "notifications.db"
    try:
        async with running_system(tmp_path, "--broker-url", node.url) as system:
            bearer = {"Authorization": f"Bearer {system.ready.token}"}
            async with (
                httpx.AsyncClient(base_url=system.ready.gateway, timeout=20) as client,
                httpx.AsyncClient(base_url=system.ready.control, headers=bearer, timeout=20) as control,
                Tasks("test") as tasks,
            ):
                (await control.patch("/v1/limits", json={"limit": 1_000_000})).raise_for_status()
                stop = asyncio.Event()
                shoppers = [tasks.start(shop(client, number, stop), "shopper") for number in range(4)]
                loop = asyncio.get_running_loop()
                end = loop.time() + LOAD_S
                while loop.time() < end:
                    await asyncio.sleep(random.uniform(0.2, 1.5))
                    await harm(control, node, random)
                stop.set()
                await asyncio.gather(*shoppers)

                async def told() -> bool | None:
                    databases = (f"{name}s.db" for name in ("user", "order", "payment", "notification"))
                    left = [
                        rows(tmp_path / "data" / name, "SELECT count(*) FROM outbox")[0] for name in databases
                    ]
                    confirmed = rows(notices, "SELECT count(*) FROM order_notices")
                    recorded = rows(orders, "SELECT count(*) FROM order_payments")
                    paid = rows(tmp_path / "data" / "payments.db", "SELECT count(*) FROM payments")
                    placed = rows(orders, "SELECT count(*) FROM orders")
                    return (not any(left) and confirmed == placed and recorded == paid) or None

                await until(told, 60)
                placed = rows(orders, "SELECT id FROM orders")
                assert len(placed) > 50
                confirmations = (
                    "SELECT order_id FROM order_notices JOIN notifications ON id = notification_id"
                )
                assert sorted(rows(notices, confirmations)) == sorted(placed)
                admin = {"email": "admin@faultdeck.local", "password": "faultdeck"}
                token = (await client.post("/api/auth/login", json=admin)).json()["token"]
                for order in rows(orders, "SELECT order_id FROM order_payments")[:40]:
                    answer = await client.patch(
                        f"/api/orders/{order}",
                        json={"status": "confirmed"},
                        headers={"Authorization": f"Bearer {token}"},
                    )
                    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    finally:
        node.stop()
