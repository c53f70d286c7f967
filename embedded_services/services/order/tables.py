"""The tables of `orders.db`, and the catalogue that a new one starts with.

`products.stock` is what can still be sold. What an order took from it is in `reservations`, apart from the order's
status, so that giving it back happens once, whoever asks for it. `order_payments` is what the payment service told, of
orders in whatever state, and even of none. `receipts` is how many pieces of a product ever came in, less those that were
taken out by hand: what is in stock and what was ordered must come to that. Prices and totals are cents.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
)

from embedded_services.bus.inbox import inbox_table
from embedded_services.bus.outbox import outbox_table
from embedded_services.services.kit.database import Schema
from embedded_services.services.kit.idempotency import idempotency_table

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("stock", BigInteger, CheckConstraint("stock >= 0"), nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("user_id", String(64), nullable=False),
    Column("status", String(20), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("payment_id", String(64)),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
Index("orders_of_user", orders.c.user_id, orders.c.seq)
Index("orders_by_status", orders.c.status, orders.c.seq)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", String(64), ForeignKey("orders.id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("product_id", String(64), nullable=False),
    Column("name", String(120), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", String(64), ForeignKey("orders.id"), primary_key=True),
    Column("product_id", String(64), ForeignKey("products.id"), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("reserved_at", Float, nullable=False),
    Column("released_at", Float),
)

receipts = Table(
    "receipts",
    metadata,
    Column("product_id", String(64), ForeignKey("products.id"), primary_key=True),
    Column("received", BigInteger, nullable=False),
)

cart_items = Table(
    "cart_items",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("product_id", String(64), ForeignKey("products.id"), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("added_at", Float, nullable=False),
)

idempotency_keys = idempotency_table(metadata)

order_payments = Table(
    "order_payments",
    metadata,
    Column("payment_id", String(64), primary_key=True),
    Column("order_id", String(64), nullable=False, index=True),
    Column("user_id", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Float, nullable=False),
)

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)


def seed(connection: Connection, now: float) -> None:
    connection.execute(
        insert(products),
        [
            {"id": id_, "name": name, "price": price, "stock": 100_000, "created_at": now, "updated_at": now}
            for id_, name, price in (
                ("prod1", "Mechanical keyboard", 2999),
                ("prod2", "Noise-cancelling headphones", 5999),
            )
        ],
    )
    count_stock(connection, now)


def count_stock(connection: Connection, _now: float) -> None:
    """What came in of products of which nobody noted it: all that is there, or is promised to somebody."""
    promised = (
        select(func.coalesce(func.sum(reservations.c.quantity), 0))
        .where(reservations.c.product_id == products.c.id, reservations.c.released_at.is_(None))
        .scalar_subquery()
    )
    connection.execute(
        insert(receipts).from_select(
            ["product_id", "received"],
            select(products.c.id, products.c.stock + promised).where(
                products.c.id.not_in(select(receipts.c.product_id))
            ),
        )
    )


SCHEMA: Final = Schema(metadata, version=3, seed=seed, grows_from=1, grow=count_stock)
