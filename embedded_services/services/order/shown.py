"""Orders as they are shown: rows and their lines, made into one message."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from embedded_services.common.prepared import Prepared
from embedded_services.services.kit.database import AnyRow
from embedded_services.services.kit.endpoints import not_found
from embedded_services.services.kit.money import from_minor
from embedded_services.services.order.messages import Line, Order
from embedded_services.services.order.moves import OrderStatus
from embedded_services.services.order.tables import order_lines, orders

_of_id = select(orders).where(orders.c.id == bindparam("id"))
_by_id = Prepared(_of_id)
_by_id_locked = Prepared(_of_id.with_for_update())
_lines_of_one = Prepared(
    select(order_lines).where(order_lines.c.order_id == bindparam("order")).order_by(order_lines.c.line)
)
_lines_of = (
    select(order_lines)
    .where(order_lines.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(order_lines.c.order_id, order_lines.c.line)
)


def load(connection: Connection, id_: str) -> Order:
    """Raises ApiError NOT_FOUND."""
    return load_row(connection, find(connection, id_))


def load_row(connection: Connection, row: AnyRow) -> Order:
    return _order(row, lines_of(connection, row.id))


def find_lines(connection: Connection, order_id: str) -> list[AnyRow]:
    """In their order."""
    return _lines_of_one.rows(connection, {"order": order_id})


def lines_of(connection: Connection, order_id: str) -> list[Line]:
    return [
        shown_line(line.product_id, line.name, line.quantity, line.price)
        for line in find_lines(connection, order_id)
    ]


def find(connection: Connection, id_: str, *, lock: bool = False) -> AnyRow:
    """`lock` keeps others from changing the row meanwhile. Raises ApiError NOT_FOUND."""
    row = find_or_none(connection, id_, lock=lock)
    if row is None:
        raise not_found("order")
    return row


def find_or_none(connection: Connection, id_: str, *, lock: bool = False) -> AnyRow | None:
    return (_by_id_locked if lock else _by_id).row(connection, {"id": id_})


def show(connection: Connection, rows: Sequence[AnyRow]) -> list[Order]:
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in connection.execute(_lines_of, {"ids": [row.id for row in rows]}):
        lines[line.order_id].append(shown_line(line.product_id, line.name, line.quantity, line.price))
    return [_order(row, lines[row.id]) for row in rows]


def _order(row: AnyRow, lines: list[Line]) -> Order:
    return Order(
        id=row.id,
        user_id=row.user_id,
        status=OrderStatus(row.status),
        items=lines,
        total=from_minor(row.total),
        payment_id=row.payment_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )


def shown_line(product_id: str, name: str, quantity: int, price: int) -> Line:
    return Line(
        product_id=product_id,
        name=name,
        quantity=quantity,
        price=from_minor(price),
        subtotal=from_minor(price * quantity),
    )
