"""A whole system whose broker, services and orchestrator are killed and frozen while orders come in: each order that was taken
on ends, is confirmed to its owner once and paid for once, or leaves nothing behind.
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
from tests.helpers.order_sagas import audit
from tests.helpers.system import running_away_from_others

LOAD_S = 15.0
VICTIMS = ("order-1", "order-2", "notification-1", "notification-2", "payment-1", "payment-2")
DATABASES = ("users", "orders", "payments", "notifications", "sagas")
ITEMS = [{"productId": "prod1", "quantity": 1}]


def rows(path: Path, query: str) -> list[str]:
    with sqlite3.connect(path) as database:
        found = [row[0] for row in database.execute(query)]
    database.close()
    return found


async def shop(client: httpx.AsyncClient, number: int, stop: asyncio.Event) -> None:
    """Orders, over and over; now and then pays by hand what its saga pays for as well, or thinks better of it."""
    person = {"email": f"p{number}@example.com", "password": "faultdeck1", "name": "P"}
    token = (await client.post("/api/auth/register", json=person)).json()["token"]
    for turn in range(1_000_000):
        if stop.is_set():
            return
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{number}-{turn}"}
        answer = await client.post("/api/orders", json={"items": ITEMS}, headers=headers)
        if answer.status_code == 202 and (order := answer.json()["id"]) and not turn % 3:
            await client.post("/api/payments", json={"orderId": order, "amount": 29.99}, headers=headers)
        elif answer.status_code == 202 and not turn % 4:
            await client.patch(f"/api/orders/{order}", json={"status": "cancelled"}, headers=headers)
        await asyncio.sleep(0.03)


async def harm(control: httpx.AsyncClient, node: EmbeddedNode, random: Random) -> None:
    match random.choice(("instance", "instance", "orchestrator", "kill", "freeze")):
        case "instance":
            await control.post(f"/v1/instances/{random.choice(VICTIMS)}/kill")
        case "orchestrator":
            await control.post("/v1/processes/orchestrator/kill")
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
async def test_each_order_is_confirmed_once_and_paid_once_or_comes_to_nothing(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    (tmp_path / "broker").mkdir()
    node = EmbeddedNode(tmp_path / "broker")
    node.start()
    data = tmp_path / "data"
    try:
        async with running_away_from_others(tmp_path, "--broker-url", node.url) as system:
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

                async def settled() -> bool | None:
                    left = [rows(data / f"{name}.db", "SELECT count(*) FROM outbox")[0] for name in DATABASES]
                    open_ = rows(data / "sagas.db", "SELECT count(*) FROM sagas WHERE open = 1")
                    unpaid = rows(data / "orders.db", "SELECT id FROM orders WHERE status = 'confirmed'")
                    return (not any((*left, *open_, *unpaid)) and not audit(data)) or None

                try:
                    await until(settled, 60)
                except TimeoutError:
                    assert audit(data) == []
                    raise
                states = rows(data / "orders.db", "SELECT status FROM orders")
                assert set(states) == {"paid", "cancelled"}
                assert states.count("paid") > 50
                assert set(rows(data / "sagas.db", "SELECT state FROM sagas")) <= {"completed", "compensated"}
    finally:
        node.stop()
