"""Orders that were cancelled, as far as this service has heard: no money is taken for them any more."""

from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.services.payment.tables import cancelled_orders

REASON: Final = "The order was cancelled"

_noted = Prepared(
    select(cancelled_orders.c.order_id).where(cancelled_orders.c.order_id == bindparam("order"))
)
_note = Prepared(insert(cancelled_orders))


def note_cancelled(connection: Connection, order_id: str, now: float) -> None:
    if not _is_cancelled(connection, order_id):
        _note.run(connection, {"order_id": order_id, "noted_at": now})


def must_be_wanted(connection: Connection, order_id: str) -> None:
    """Raises ApiError CONFLICT for an order of which it is known that it was cancelled."""
    if _is_cancelled(connection, order_id):
        raise ApiError("CONFLICT", "This order was cancelled")


def _is_cancelled(connection: Connection, order_id: str) -> bool:
    return _noted.value(connection, {"order": order_id}) is not None
