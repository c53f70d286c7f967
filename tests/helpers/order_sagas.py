"""A running shop whose orders are sagas: started with faults, killed at bad moments, and audited from its services' own data."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem

IDENTITY = {"X-User-ID": "control", "X-User-Role": "admin"}
ITEMS = [
    {"productId": "prod1", "quantity": 2, "price": 29.99},
    {"productId": "prod2", "quantity": 1, "price": 59.99},
]
ENDED = ("completed", "compensated", "compensation_failed")


@dataclass
class Shop:
    system: RunningSystem
    client: httpx.AsyncClient

    async def ask(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> httpx.Response:
        """Of the orchestrator, again and again while it is down."""
        headers = IDENTITY | ({} if key is None else {"Idempotency-Key": key})

        async def look() -> httpx.Response | None:
            rows = {row.name: row for row in (await self.system.control.system()).processes}
            try:
                return await self.client.request(
                    method, f"http://127.0.0.1:{rows['orchestrator'].port}{path}", json=body, headers=headers
                )
            except httpx.TransportError:
                return None

        return await until(look, 20)

    async def start(
        self, faults: Mapping[str, Any] | None = None, *, key: str | None = None, user: str = "usr_demo"
    ) -> str:
        data = {"userId": user, "items": ITEMS}
        given = {"name": "order-processing", "data": data, "faults": dict(faults or {})}
        answer = await self.ask("POST", "/sagas", given, key)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def saga(self, id_: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/sagas/{id_}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ended(self, id_: str, within_s: float = 60.0) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = await self.saga(id_)
            return found if found["state"] in ENDED else None

        return await until(look, within_s)

    async def kill(self, who: str) -> None:
        kind = "processes" if who == "orchestrator" else "instances"
        bearer = {"Authorization": f"Bearer {self.system.ready.token}"}
        answer = await self.client.post(f"{self.system.ready.control}/v1/{kind}/{who}/kill", headers=bearer)
        assert answer.status_code in (200, 202, 409), answer.text

    async def quiet(self) -> None:
        """Every saga has ended, and everything is told and heard."""

        async def look() -> bool | None:
            open_ = rows(self._data / "sagas.db", "SELECT COUNT(*) FROM sagas WHERE open = 1")[0][0]
            names = ("orders", "payments", "notifications", "sagas")
            left = [rows(self._data / f"{name}.db", "SELECT COUNT(*) FROM outbox")[0][0] for name in names]
            return (not open_ and not any(left)) or None

        await until(look, 60)

    @property
    def _data(self) -> Path:
        return Path(self.system.ready.workspace) / "data"

    def audit(self) -> list[str]:
        """What is wrong, once all is quiet."""
        return audit(self._data)


@asynccontextmanager
async def shop(system: RunningSystem) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
        yield Shop(system, client)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def audit(data: Path) -> list[str]:
    """Money, stock and messages of the whole shop. To be asked when no saga is under way."""
    orders = dict(rows(data / "orders.db", "SELECT id, status FROM orders"))
    totals = dict(rows(data / "orders.db", "SELECT id, total FROM orders"))
    bought = {id_ for id_, status in orders.items() if status in ("confirmed", "paid", "shipped")}
    wrong = [f"order {id_} is still {status}" for id_, status in orders.items() if status == "pending"]
    captured: dict[str, int] = {}
    for order, amount, refunded in rows(
        data / "payments.db", "SELECT order_id, amount, refunded FROM payments WHERE status != 'failed'"
    ):
        if amount != refunded:
            captured[order] = captured.get(order, 0) + amount - refunded
    moved = rows(data / "payments.db", "SELECT COALESCE(SUM(amount), 0) FROM ledger")[0][0]
    if moved != sum(captured.values()):
        wrong.append(f"the ledger says {moved}, the payments {sum(captured.values())}")
    wrong += [f"order {order} is paid for and {orders.get(order)}" for order in captured.keys() - bought]
    wrong += [
        f"order {order} of {totals[order]} is paid with {captured.get(order)}"
        for order in bought
        if captured.get(order) != totals[order]
    ]
    held: dict[str, int] = {}
    for order, product, quantity in rows(
        data / "orders.db",
        "SELECT order_id, product_id, quantity FROM reservations WHERE released_at IS NULL",
    ):
        held[product] = held.get(product, 0) + quantity
        if order not in bought:
            wrong.append(
                f"{quantity} of {product} are reserved for order {order}, which is {orders.get(order)}"
            )
    for product, stock, received in rows(
        data / "orders.db", "SELECT id, stock, received FROM products JOIN receipts ON product_id = id"
    ):
        if stock + held.get(product, 0) != received:
            wrong.append(f"{product}: {stock} in stock and {held.get(product, 0)} sold of {received}")
    confirmed: dict[str, int] = {}
    for (order,) in rows(
        data / "notifications.db", "SELECT order_id FROM order_notices WHERE template = 'order_confirmation'"
    ):
        confirmed[order] = confirmed.get(order, 0) + 1
    wrong += [
        f"order {order} has {confirmed.get(order, 0)} confirmations"
        for order in bought
        if confirmed.get(order) != 1
    ]
    notices = rows(data / "notifications.db", "SELECT COUNT(*) FROM order_notices")[0][0]
    kept = rows(
        data / "notifications.db", "SELECT COUNT(*) FROM notifications WHERE template LIKE 'order_c%'"
    )[0][0]
    if notices != kept:
        wrong.append(f"{kept} notifications for {notices} notices")
    return wrong
