"""What others hear of stock: an event for each change of a product's, in the transaction that makes it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from embedded_services.bus.outbox import Outbox
from embedded_services.contracts.wire import Message
from embedded_services.services.kit.events import data_of

UPDATED: Final = "inventory.updated"


class Why(StrEnum):
    """What changed a product's stock: an `order` that took some, its `release`, or an `admin`."""

    ORDER = "order"
    RELEASE = "release"
    ADMIN = "admin"


class StockChange(Message, frozen=True):
    """`stock` is what can be sold now, `change` how many more that is than before, `revision` the product's now."""

    product_id: str
    stock: int
    change: int
    reason: Why
    revision: int
    order_id: str | None = None


def tell_stock(connection: Connection, outbox: Outbox, changes: Sequence[StockChange], now: float) -> None:
    outbox.publish_all(connection, [(UPDATED, data_of(change)) for change in changes], now)
