"""Writing the ledger: one row for each movement of money, in the transaction that moves it."""

from sqlalchemy import Connection, insert

from embedded_services.common.prepared import Prepared
from embedded_services.services.kit.database import AnyRow
from embedded_services.services.kit.times import month_of
from embedded_services.services.payment.messages import Kind
from embedded_services.services.payment.tables import ledger

_add = Prepared(insert(ledger))


def record(
    connection: Connection, payment: AnyRow, kind: Kind, amount: int, now: float, refund_id: str | None = None
) -> None:
    """`amount` is positive; a refund is written as a negative one."""
    _add.run(
        connection,
        {
            "user_id": payment.user_id,
            "order_id": payment.order_id,
            "payment_id": payment.id,
            "refund_id": refund_id,
            "kind": kind,
            "amount": amount if kind is Kind.CHARGE else -amount,
            "currency": payment.currency,
            "at": now,
            "month": month_of(now),
        },
    )
