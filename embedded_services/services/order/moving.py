"""Moving an order's status, within one transaction, and telling of it. Who may move what is `moves.py`'s to say."""

from sqlalchemy import Connection, bindparam, update

from embedded_services.bus.outbox import Outbox
from embedded_services.common.prepared import Prepared
from embedded_services.services.kit.database import AnyRow
from embedded_services.services.kit.events import data_of
from embedded_services.services.order.moves import OrderStatus
from embedded_services.services.order.paying import payment_of
from embedded_services.services.order.placing import release
from embedded_services.services.order.shown import load
from embedded_services.services.order.tables import orders

move_row = Prepared(
    update(orders)
    .where(orders.c.id == bindparam("order"))
    .values(
        status=bindparam("to_status"),
        payment_id=bindparam("to_payment"),
        revision=orders.c.revision + 1,
        updated_at=bindparam("now"),
    )
)


def move(
    connection: Connection,
    outbox: Outbox,
    order: AnyRow,
    after: OrderStatus,
    now: float,
    payment_id: str | None = None,
) -> None:
    """`after` must be a move that is allowed. Cancelling gives the stock back, and tells whoever took money for it to do the
    same; confirming what is paid makes it `paid`."""
    if after is OrderStatus.CONFIRMED and (paid_with := payment_of(connection, order)) is not None:
        after, payment_id = OrderStatus.PAID, paid_with
    if after is OrderStatus.CANCELLED:
        release(connection, outbox, order.id, now)
    move_row.run(
        connection,
        {"order": order.id, "to_status": after, "to_payment": payment_id or order.payment_id, "now": now},
    )
    told = data_of(load(connection, order.id))
    outbox.publish(connection, "order.updated", told, now)
    if after is OrderStatus.CANCELLED:
        outbox.publish(connection, "order.cancelled", told, now)
