"""The ledger on a running system: in order after orders by saga, and red where a database is changed by hand."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.feed import LEDGER, Feed
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.ledger import Ledger, LedgerLine, LineName, LineState
from embedded_services.contracts.sagas import NewSaga, Saga, SagaState
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem

pytestmark = pytest.mark.asyncio(loop_scope="package")


def change(system: RunningSystem, database: str, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """What somebody does to a service's file with a tool of their own."""
    path = Path(system.ready.workspace) / "data" / database
    with closing(sqlite3.connect(path, timeout=5.0)) as connection, connection:
        for statement, values in statements:
            assert connection.execute(statement, values).rowcount > 0, statement


def rows(system: RunningSystem, database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    path = Path(system.ready.workspace) / "data" / database
    with closing(sqlite3.connect(path, timeout=5.0)) as connection:
        return connection.execute(query, values).fetchall()


async def ordered(system: RunningSystem, faults: dict[str, Any] | None = None) -> Saga:
    """A saga that has ended."""
    items = [{"productId": "prod1", "quantity": 2}, {"productId": "prod2", "quantity": 1}]
    data = {"userId": "usr_demo", "items": items}
    started = await system.control.start_saga(
        NewSaga(name="order-processing", data=data, faults=faults or {})
    )

    async def look() -> Saga | None:
        saga = await system.control.saga(started.id)
        return saga if saga.state in (SagaState.COMPLETED, SagaState.COMPENSATED) else None

    return await until(look)


async def ledger_where(system: RunningSystem, holds: Callable[[dict[LineName, LedgerLine]], bool]) -> Ledger:
    async def look() -> Ledger | None:
        ledger = await system.control.ledger()
        return ledger if holds({line.name: line for line in ledger.lines}) else None

    return await until(look)


async def in_order(system: RunningSystem) -> Ledger:
    return await ledger_where(system, lambda lines: {line.state for line in lines.values()} == {LineState.OK})


async def broken(system: RunningSystem, name: LineName) -> LedgerLine:
    ledger = await ledger_where(system, lambda lines: lines[name].state is LineState.BROKEN)
    return next(line for line in ledger.lines if line.name is name)


@asynccontextmanager
async def followed(system: RunningSystem) -> AsyncIterator[Feed]:
    feed = Feed()
    async with Tasks("test") as tasks:
        tasks.spawn(feed.follow(system.ready.control, system.ready.token), "follow")
        yield feed


async def told(feed: Feed, name: LineName, state: LineState) -> LedgerLine:
    news = asyncio.Event()
    leave = feed.listen(news.set, LEDGER)
    try:
        async with asyncio.timeout(15.0):
            while (row := feed.rows(LEDGER).get(name.value)) is None or row.state is not state:
                news.clear()
                await news.wait()
    finally:
        leave()
    return row


async def test_orders_by_saga_leave_everything_in_order(system: RunningSystem) -> None:
    before = await in_order(system)
    stock = {line.name: line for line in before.lines}[LineName.STOCK].figures
    for faults in (None, None, {"process-payment": {"kind": "fail-step"}}):
        await ordered(system, faults)
    after = await in_order(system)
    lines = {line.name: line for line in after.lines}
    assert lines[LineName.STOCK].figures["sold"] == stock["sold"] + 6
    assert lines[LineName.STOCK].figures["stock"] == stock["stock"] - 6
    assert lines[LineName.CONFIRMATIONS].checked >= 2
    assert lines[LineName.PAYMENTS].checked >= 2
    assert all(line.unchecked == 0 for line in after.lines)


async def test_a_reservation_that_is_gone_is_seen_and_named_with_its_saga(system: RunningSystem) -> None:
    saga = await ordered(system)
    order = saga.data["orderId"]
    (kept,) = rows(
        system, "orders.db",
        "SELECT order_id, product_id, quantity, reserved_at FROM reservations WHERE order_id = ? AND product_id = 'prod1'",
        order,
    )  # fmt: skip
    async with followed(system) as feed:
        await told(feed, LineName.STOCK, LineState.OK)
        change(
            system,
            "orders.db",
            ("DELETE FROM reservations WHERE order_id = ? AND product_id = 'prod1'", (order,)),
        )
        line = await told(feed, LineName.STOCK, LineState.BROKEN)
        assert (line.broken[0].order, line.broken[0].saga, line.broken[0].product) == (
            order,
            saga.id,
            "prod1",
        )
        assert line.broken[1].product == "prod1"
        change(
            system,
            "orders.db",
            (
                "INSERT INTO reservations (order_id, product_id, quantity, reserved_at) VALUES (?, ?, ?, ?)",
                kept,
            ),
        )
        await told(feed, LineName.STOCK, LineState.OK)


async def test_what_was_changed_by_hand_is_named_where_it_belongs(system: RunningSystem) -> None:
    undone = await ordered(system, {"process-payment": {"kind": "fail-step"}})
    unconfirmed, untold = await asyncio.gather(ordered(system), ordered(system))
    freed, demoted, silenced = (saga.data["orderId"] for saga in (undone, unconfirmed, untold))
    release = "UPDATE reservations SET released_at = ? WHERE order_id = ?"
    status = "UPDATE orders SET status = ? WHERE id = ?"
    notice = "UPDATE order_notices SET template = ? WHERE order_id = ? AND template = ?"
    change(system, "orders.db", (release, (None, freed)), (status, ("pending", demoted)))
    change(system, "notifications.db", (notice, ("x", silenced, "order_confirmation")))

    payments = await broken(system, LineName.PAYMENTS)
    assert [(item.order, item.saga) for item in payments.broken] == [(demoted, unconfirmed.id)]
    assert payments.broken[0].payment == unconfirmed.data["paymentId"]
    reserved = await broken(system, LineName.RESERVATIONS)
    assert {(item.order, item.saga) for item in reserved.broken} == {
        (freed, undone.id),
        (demoted, unconfirmed.id),
    }
    told = await broken(system, LineName.CONFIRMATIONS)
    assert [(item.order, item.saga) for item in told.broken] == [(silenced, untold.id)]

    change(system, "orders.db", (release, (1.0, freed)), (status, ("paid", demoted)))
    change(system, "notifications.db", (notice, ("order_confirmation", silenced, "x")))
    await in_order(system)


async def test_a_line_whose_service_is_away_is_unknown_and_says_why(system: RunningSystem) -> None:
    payments = [row.id for row in (await system.control.instances()).items if row.service == "payment"]
    for instance in payments:
        await system.control.act_on_instance(instance, "freeze")
    try:
        lines = {line.name: line for line in (await system.control.ledger()).lines}
        assert lines[LineName.PAYMENTS].state is LineState.UNKNOWN
        assert all(instance in lines[LineName.PAYMENTS].why for instance in payments)
        assert lines[LineName.STOCK].state is LineState.OK
    finally:
        for instance in payments:
            await system.control.act_on_instance(instance, "thaw")
    await in_order(system)


async def test_nobody_from_outside_reads_a_book(system: RunningSystem) -> None:
    for row in (await system.control.instances()).items:
        if row.service == "user":
            continue
        headers = {"X-User-ID": "usr_admin", "X-User-Role": "admin"}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://{row.host}:{row.port}/ledger", headers=headers)
        assert answer.status_code == 403
