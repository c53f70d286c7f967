"""How an order's status may move, and who may move it: pure.

```
pending ──► confirmed ──► paid ──► shipped
   │  └───────────────────►▲ │
   └──────► cancelled ◄──────┘   (from confirmed, too)
```
"""

from enum import StrEnum
from typing import Final

from embedded_services.contracts.errors import ApiError


class OrderStatus(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


MOVES: Final[dict[OrderStatus, frozenset[OrderStatus]]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.CONFIRMED, OrderStatus.PAID, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.PAID, OrderStatus.CANCELLED}),
    OrderStatus.PAID: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}
OWNER_MAY_CANCEL: Final = frozenset({OrderStatus.PENDING, OrderStatus.CONFIRMED})


def check_move(before: OrderStatus, after: OrderStatus, *, owner_only: bool) -> None:
    """Raises ApiError CONFLICT for a move that no one may make, FORBIDDEN for one that an owner may not.

    `owner_only` says that the caller may do no more than what an order's owner may: cancel it while it is not paid.
    """
    if after not in MOVES[before]:
        raise ApiError("CONFLICT", f"An order that is {before} cannot become {after}")
    if owner_only and (after is not OrderStatus.CANCELLED or before not in OWNER_MAY_CANCEL):
        raise ApiError("FORBIDDEN", "The owner of an order can only cancel it, and only before it is paid")
