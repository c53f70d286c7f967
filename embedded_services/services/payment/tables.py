"""The tables of `payments.db`. Amounts are minor units (hundredths).

`ledger` holds what money moved, one row a charge or refund, never changed; statements are sums over it. No card
number is ever written, only its last four digits. `cancelled_orders` are those for which no money is taken any more.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from embedded_services.bus.inbox import inbox_table
from embedded_services.bus.outbox import outbox_table
from embedded_services.services.kit.database import Schema
from embedded_services.services.kit.idempotency import idempotency_table
from embedded_services.services.payment.messages import PaymentStatus

metadata = MetaData()

payments = Table(
    "payments",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("user_id", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("method", String(20), nullable=False),
    Column("last4", String(4)),
    Column("status", String(20), nullable=False),
    Column("refunded", BigInteger, nullable=False, default=0),
    Column("failure_reason", String(200)),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
_not_failed = payments.c.status != PaymentStatus.FAILED.value
Index(
    "one_payment_an_order",
    payments.c.user_id,
    payments.c.order_id,
    unique=True,
    sqlite_where=_not_failed,
    postgresql_where=_not_failed,
)
Index("payments_of_user", payments.c.user_id, payments.c.seq)
Index("payments_of_order", payments.c.order_id, payments.c.seq)

refunds = Table(
    "refunds",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("payment_id", String(64), ForeignKey("payments.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", String(200)),
    Column("created_at", Float, nullable=False),
)
Index("refunds_of_payment", refunds.c.payment_id, refunds.c.seq)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("payment_id", String(64), ForeignKey("payments.id"), nullable=False),
    Column("refund_id", String(64), ForeignKey("refunds.id")),
    Column("kind", String(10), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at", Float, nullable=False),
    Column("month", String(7), nullable=False),
)
Index("ledger_of_user", ledger.c.user_id, ledger.c.month, ledger.c.seq)
Index("ledger_by_month", ledger.c.month, ledger.c.seq)

cancelled_orders = Table(
    "cancelled_orders",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("noted_at", Float, nullable=False),
)

idempotency_keys = idempotency_table(metadata)

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)


def seed(_connection: Connection, _now: float) -> None:
    """Nobody has paid anything yet."""


SCHEMA: Final = Schema(metadata, version=3, seed=seed, grows_from=1)
