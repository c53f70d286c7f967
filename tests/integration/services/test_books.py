"""What the services say for the ledger, of their own databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, update

from embedded_services.common.clock import SystemClock
from embedded_services.contracts.ledger import BOOK_MAX, Captured, Holding, Stock, Unheld
from embedded_services.services.kit.database import Database, Schema, open_database
from embedded_services.services.kit.storage import SqliteStorage
from embedded_services.services.notification import tables as notices
from embedded_services.services.notification.book import read_book as read_notices
from embedded_services.services.order import tables as shop
from embedded_services.services.order.book import read_book as read_orders
from embedded_services.services.payment import tables as money
from embedded_services.services.payment.book import read_book as read_payments

NOW = 1_000.0


@asynccontextmanager
async def opened(path: Path, schema: Schema) -> AsyncIterator[Database]:
    async with open_database(SqliteStorage(path, "book"), schema, SystemClock()) as database:
        yield database


@pytest.fixture
async def orders(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(tmp_path / "orders.db", shop.SCHEMA) as database:
        yield database


def sell(connection: Connection, order: str, status: str, quantity: int = 2, *, held: bool = True) -> None:
    connection.execute(
        insert(shop.orders).values(
            id=order, user_id="u", status=status, total=1, created_at=1.0, updated_at=1.0
        )
    )
    connection.execute(
        insert(shop.order_lines).values(
            order_id=order, line=0, product_id="prod1", name="n", quantity=quantity, price=1
        )
    )
    connection.execute(
        insert(shop.reservations).values(
            order_id=order,
            product_id="prod1",
            quantity=quantity,
            reserved_at=1.0,
            released_at=None if held else 2.0,
        )
    )
    if held:
        connection.execute(
            update(shop.products)
            .where(shop.products.c.id == "prod1")
            .values(stock=shop.products.c.stock - quantity)
        )


async def test_orders_and_stock_are_told_as_they_are(orders: Database) -> None:
    def work(connection: Connection) -> None:
        for order, status, held in (
            ("a", "confirmed", True),
            ("b", "pending", True),
            ("c", "cancelled", False),
            ("d", "shipped", True),
            ("e", "paid", True),
        ):
            sell(connection, order, status, held=held)

    await orders.transact(work)
    book = await read_orders(orders, NOW)
    assert (book.confirmed, book.pending, book.cancelled) == (["e", "d", "a"], ["b"], ["c"])
    assert book.holding == [Holding(order="b", status="pending")]
    assert book.stock == Stock(product="", stock=199_992, reserved=2, sold=6, received=200_000)
    assert (book.uneven, book.unheld, book.left_out) == ([], [], 0)


async def test_orders_cancelled_lately_are_told_apart(orders: Database) -> None:
    def work(connection: Connection) -> None:
        sell(connection, "long ago", "cancelled", held=False)
        sell(connection, "lately", "cancelled", held=False)
        sell(connection, "kept", "confirmed")
        connection.execute(
            update(shop.orders).where(shop.orders.c.id.in_(["lately", "kept"])).values(updated_at=NOW - 1)
        )

    await orders.transact(work)
    assert (await read_orders(orders, NOW)).lately_cancelled == ["lately"]


async def test_an_empty_shop_is_even(orders: Database) -> None:
    book = await read_orders(orders, NOW)
    assert (book.confirmed, book.uneven, book.stock.sold) == ([], [], 0)


async def test_stock_that_is_lost_is_told_by_product_and_by_order(orders: Database) -> None:
    def work(connection: Connection) -> None:
        sell(connection, "a", "confirmed")
        sell(connection, "b", "confirmed")
        connection.execute(delete(shop.reservations).where(shop.reservations.c.order_id == "a"))

    await orders.transact(work)
    book = await read_orders(orders, NOW)
    assert book.unheld == [Unheld(order="a", product="prod1", ordered=2, held=0)]
    assert book.uneven == [Stock(product="prod1", stock=99_996, reserved=0, sold=2, received=100_000)]


async def test_an_old_order_is_found_when_the_sums_do_not_fit(orders: Database) -> None:
    def work(connection: Connection) -> None:
        sell(connection, "old", "confirmed")
        connection.execute(delete(shop.reservations).where(shop.reservations.c.order_id == "old"))
        connection.execute(
            insert(shop.orders).values(
                status="cancelled", user_id="u", total=1, created_at=1.0, updated_at=1.0
            ),
            [{"id": f"o{number}"} for number in range(BOOK_MAX + 5)],
        )

    await orders.transact(work)
    book = await read_orders(orders, NOW)
    assert [line.order for line in book.unheld] == ["old"]
    assert (len(book.cancelled), book.cancelled[0], book.left_out) == (BOOK_MAX, f"o{BOOK_MAX + 4}", 6)


async def test_payments_are_captured_until_all_is_given_back(tmp_path: Path) -> None:
    def work(connection: Connection) -> None:
        for id_, status, refunded in (
            ("a", "completed", 0),
            ("b", "partially_refunded", 3),
            ("c", "refunded", 10),
            ("d", "failed", 0),
        ):
            connection.execute(
                insert(money.payments).values(
                    id=id_,
                    user_id="u",
                    order_id=f"order of {id_}",
                    amount=10,
                    currency="USD",
                    method="card",
                    status=status,
                    refunded=refunded,
                    created_at=1.0,
                    updated_at=1.0,
                )
            )

    async with opened(tmp_path / "payments.db", money.SCHEMA) as database:
        await database.transact(work)
        book = await database.read(read_payments)
    assert book.captured == [
        Captured(payment="b", order="order of b"),
        Captured(payment="a", order="order of a"),
    ]
    assert book.left_out == 0


async def test_confirmations_are_told_once_for_each_that_there_is(tmp_path: Path) -> None:
    def work(connection: Connection) -> None:
        for order, user, template in (
            ("a", "u", "order_confirmation"),
            ("a", "v", "order_confirmation"),
            ("b", "u", "order_cancelled"),
            ("c", "u", "order_confirmation"),
        ):
            id_ = f"{order}{user}"
            if order != "c":
                connection.execute(
                    insert(notices.notifications).values(
                        id=id_,
                        user_id=user,
                        channel="email",
                        template=template,
                        body="",
                        status="stored",
                        created_at=1.0,
                    )
                )
            connection.execute(
                insert(notices.order_notices).values(
                    user_id=user, order_id=order, template=template, notification_id=id_
                )
            )

    async with opened(tmp_path / "notices.db", notices.SCHEMA) as database:
        assert (await database.read(read_notices)).confirmed == []
        await database.transact(work)
        book = await database.read(read_notices)
    assert (book.confirmed, book.left_out) == (["a", "a"], 0)
