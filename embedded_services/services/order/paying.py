"""What the payment service tells of payments, kept whatever the state of the order: an event may come before the order is
confirmed, twice, or after a later one. Amounts are cents.

A payment pays for an order if it is completed, by the order's owner, in the catalogue's currency, and of no less than the
total: whoever pays a cent has not paid.
"""

from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, bindparam, insert, select, update

from embedded_services.bus.subscriber import Refused
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.wire import Request
from embedded_services.services.kit.database import AnyRow
from embedded_services.services.kit.fields import Id
from embedded_services.services.kit.money import to_minor
from embedded_services.services.order.tables import order_payments

_add = Prepared(insert(order_payments))

COMPLETED: Final = "completed"
CURRENCY: Final = "USD"

_by_id = Prepared(select(order_payments.c.revision).where(order_payments.c.payment_id == bindparam("id")))
_of_order = Prepared(
    select(order_payments.c.payment_id)
    .where(
        order_payments.c.order_id == bindparam("order"),
        order_payments.c.user_id == bindparam("user"),
        order_payments.c.status == COMPLETED,
        order_payments.c.currency == CURRENCY,
        order_payments.c.amount >= bindparam("total"),
    )
    .order_by(order_payments.c.recorded_at)
    .limit(1)
)


class PaymentTold(Request, frozen=True, forbid_unknown_fields=False):
    """Of a payment's event, what an order needs to know."""

    id: Id
    order_id: Id
    user_id: Id
    amount: Decimal
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    status: Annotated[str, Meta(max_length=20)]
    revision: Annotated[int, Meta(ge=1)]


def read_payment(data: dict[str, Any]) -> tuple[PaymentTold, int]:
    """The payment, and its amount. Raises Refused for data that is no payment's."""
    try:
        told = msgspec.convert(data, PaymentTold, strict=False)
        return told, to_minor(told.amount, "amount")
    except (msgspec.ValidationError, ApiError) as error:
        raise Refused(f"not a payment: {error}") from error


def record_payment(connection: Connection, told: PaymentTold, amount: int, now: float) -> bool:
    """Whether this is news: what is older than what was told before is ignored."""
    known = _by_id.value(connection, {"id": told.id})
    if known is not None and known >= told.revision:
        return False
    values = {
        "order_id": told.order_id,
        "user_id": told.user_id,
        "amount": amount,
        "currency": told.currency,
        "status": told.status,
        "revision": told.revision,
        "recorded_at": now,
    }
    if known is None:
        _add.run(connection, {"payment_id": told.id, **values})
    else:
        connection.execute(
            update(order_payments).where(order_payments.c.payment_id == told.id).values(values)
        )
    return True


def payment_of(connection: Connection, order: AnyRow) -> str | None:
    """The payment that pays for this order, if there is one."""
    asked = {"order": order.id, "user": order.user_id, "total": order.total}
    return _of_order.value(connection, asked)
