"""Placing an order, within one transaction: prices from the catalogue, stock taken, the order written as `pending`.

A product that is named on several lines counts once, with the quantities added. Nothing is written unless all of it
can be had.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, insert, select, update

from embedded_services.bus.outbox import Outbox
from embedded_services.common.ids import new_id
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.database import AnyRow
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.money import MAX_AMOUNT, from_minor, to_minor
from embedded_services.services.order.messages import MAX_LINES, MAX_QUANTITY, Order, Placed, Wanted
from embedded_services.services.order.moves import OrderStatus
from embedded_services.services.order.shown import shown_line
from embedded_services.services.order.stock import UPDATED, StockChange, Why, tell_stock
from embedded_services.services.order.tables import order_lines, orders, products, reservations

_find_product = Prepared(
    select(products.c.id, products.c.name, products.c.price, products.c.stock, products.c.revision)
    .where(products.c.id == bindparam("id"))
    .with_for_update()
)
_take = Prepared(
    update(products)
    .where(products.c.id == bindparam("product"), products.c.stock >= bindparam("quantity"))
    .values(
        stock=products.c.stock - bindparam("quantity"),
        revision=products.c.revision + 1,
        updated_at=bindparam("now"),
    )
)
_give_back = Prepared(
    update(products)
    .where(products.c.id == bindparam("product"))
    .values(
        stock=products.c.stock + bindparam("quantity"),
        revision=products.c.revision + 1,
        updated_at=bindparam("now"),
    )
)
_is_held = (reservations.c.order_id == bindparam("order")) & reservations.c.released_at.is_(None)
_find_held = Prepared(
    select(reservations.c.product_id, reservations.c.quantity)
    .where(_is_held)
    .order_by(reservations.c.product_id)
    .with_for_update()
)
_release = Prepared(update(reservations).where(_is_held).values(released_at=bindparam("now")))
_add_order = Prepared(insert(orders))
_add_lines = Prepared(insert(order_lines))
_add_reservations = Prepared(insert(reservations))


@dataclass(frozen=True)
class Merged:
    """What is wanted of one product; `field` is where the request first named it."""

    product_id: str
    quantity: int
    price: int | None
    field: str


def merge(wanted: Sequence[Wanted]) -> list[Merged]:
    """One entry a product, in the order of first mention. Raises ApiError VALIDATION_FAILED."""
    if not wanted:
        raise ApiError(
            "VALIDATION_FAILED",
            "Order must contain items",
            details=[ErrorDetail(field="items", message="must not be empty", bound=1, unit="items")],
        )
    merged: dict[str, Merged] = {}
    for index, item in enumerate(wanted):
        field = f"items[{index}]"
        price = None if item.price is None else to_minor(item.price, f"{field}.price")
        entry = merged.get(item.product_id)
        if entry is None:
            merged[item.product_id] = Merged(item.product_id, item.quantity, price, field)
            continue
        if price is not None and entry.price is not None and price != entry.price:
            raise invalid(f"{field}.price", "is not the price that another line gives for this product")
        entry = replace(entry, quantity=entry.quantity + item.quantity, price=price or entry.price)
        if entry.quantity > MAX_QUANTITY:
            raise invalid(
                f"{field}.quantity",
                f"brings this product to more than {MAX_QUANTITY} pieces",
                bound=MAX_QUANTITY,
                unit="pieces",
            )
        merged[item.product_id] = entry
    if len(merged) > MAX_LINES:
        raise invalid("items", f"must have at most {MAX_LINES} items", bound=MAX_LINES, unit="items")
    return list(merged.values())


@dataclass(frozen=True)
class Priced:
    """What is wanted, with the catalogue's rows; `total` is cents."""

    lines: list[Merged]
    found: dict[str, AnyRow]
    total: int


def priced(connection: Connection, wanted: Sequence[Wanted]) -> Priced:
    """Raises ApiError VALIDATION_FAILED for what cannot be ordered, whatever is in stock."""
    lines = merge(wanted)
    found = _products(connection, lines)
    total = sum(_price(line, found) * line.quantity for line in lines)
    if from_minor(total) > MAX_AMOUNT:
        raise invalid("items", f"must cost at most {MAX_AMOUNT} in all", bound=float(MAX_AMOUNT))
    return Priced(lines, found, total)


def place(
    connection: Connection, outbox: Outbox, user_id: str, wanted: Sequence[Wanted], now: float
) -> Placed:
    """Tells of the new order and the stock that it took. Raises ApiError VALIDATION_FAILED, or CONFLICT "Insufficient inventory"."""
    asked = priced(connection, wanted)
    check_stock(asked.lines, asked.found)
    order = write(connection, new_id("ord"), user_id, asked, now)
    taken = take(connection, order.id, asked.lines, asked.found, now)
    outbox.publish_all(
        connection,
        [("order.created", data_of(order)), *((UPDATED, data_of(change)) for change in taken)],
        now,
    )
    return Placed(id=order.id, saga_id=None, status=order.status)


def reserve(
    connection: Connection, outbox: Outbox, order_id: str, lines: Sequence[Merged], now: float
) -> None:
    """Take an order's lines out of stock, and tell of it. Raises ApiError CONFLICT "Insufficient inventory"."""
    found = _products(connection, lines)
    check_stock(lines, found)
    tell_stock(connection, outbox, take(connection, order_id, lines, found, now), now)


def _product(connection: Connection, id_: str) -> AnyRow:
    row = _find_product.row(connection, {"id": id_})
    if row is None:
        raise LookupError(f"product {id_} was reserved, and is not in the catalogue")
    return row


def check_stock(lines: Sequence[Merged], found: dict[str, AnyRow]) -> None:
    for line in lines:
        if found[line.product_id].stock < line.quantity:
            raise _insufficient(line, found[line.product_id].stock)


def _products(connection: Connection, lines: Sequence[Merged]) -> dict[str, AnyRow]:
    # In one order for everybody, so that two orders never wait for each other's rows.
    wanted = sorted(line.product_id for line in lines)
    rows = (_find_product.row(connection, {"id": id_}) for id_ in wanted)
    return {row.id: row for row in rows if row is not None}


def take(
    connection: Connection, order_id: str, lines: Sequence[Merged], found: dict[str, AnyRow], now: float
) -> list[StockChange]:
    """Of stock that is there."""
    _take.run_each(
        connection, [{"product": line.product_id, "quantity": line.quantity, "now": now} for line in lines]
    )
    _add_reservations.run_each(
        connection,
        [
            {
                "order_id": order_id,
                "product_id": line.product_id,
                "quantity": line.quantity,
                "reserved_at": now,
            }
            for line in lines
        ],
    )
    return [_taken(line, found[line.product_id], order_id) for line in lines]


def _taken(line: Merged, product: AnyRow, order_id: str) -> StockChange:
    return StockChange(
        product_id=line.product_id,
        stock=product.stock - line.quantity,
        change=-line.quantity,
        reason=Why.ORDER,
        revision=product.revision + 1,
        order_id=order_id,
    )


def write(connection: Connection, order_id: str, user_id: str, asked: Priced, now: float) -> Order:
    """The order, as `pending`."""
    lines, found, total = asked.lines, asked.found, asked.total
    _add_order.run(
        connection,
        {
            "id": order_id,
            "user_id": user_id,
            "status": OrderStatus.PENDING,
            "total": total,
            "created_at": now,
            "updated_at": now,
        },
    )
    _add_lines.run_each(
        connection,
        [
            {
                "order_id": order_id,
                "line": number,
                "product_id": line.product_id,
                "name": found[line.product_id].name,
                "quantity": line.quantity,
                "price": found[line.product_id].price,
            }
            for number, line in enumerate(lines)
        ],
    )
    return Order(
        id=order_id,
        user_id=user_id,
        status=OrderStatus.PENDING,
        items=[
            shown_line(
                line.product_id, found[line.product_id].name, line.quantity, found[line.product_id].price
            )
            for line in lines
        ],
        total=from_minor(total),
        payment_id=None,
        created_at=now,
        updated_at=now,
        revision=1,
    )


def release(connection: Connection, outbox: Outbox, order_id: str, now: float) -> None:
    """Give back what the order reserved, and tell of it; a second time has no effect."""
    back = []
    for row in _find_held.rows(connection, {"order": order_id}):
        product = _product(connection, row.product_id)
        _give_back.run(connection, {"product": row.product_id, "quantity": row.quantity, "now": now})
        change = StockChange(
            product_id=row.product_id,
            stock=product.stock + row.quantity,
            change=row.quantity,
            reason=Why.RELEASE,
            revision=product.revision + 1,
            order_id=order_id,
        )
        back.append(change)
    tell_stock(connection, outbox, back, now)
    _release.run(connection, {"order": order_id, "now": now})


def _price(line: Merged, found: dict[str, AnyRow]) -> int:
    product = found.get(line.product_id)
    if product is None:
        raise invalid(f"{line.field}.productId", "is not a product of the catalogue")
    price = int(product.price)
    if line.price is not None and line.price != price:
        catalogue = from_minor(price)
        raise invalid(
            f"{line.field}.price", f"is not the catalogue's, which is {catalogue}", bound=float(catalogue)
        )
    return price


def _insufficient(line: Merged, left: int) -> ApiError:
    detail = ErrorDetail(
        field=f"{line.field}.quantity",
        message=f"is more than the {left} that are left of {line.product_id}",
        bound=left,
        unit="pieces",
    )
    return ApiError("CONFLICT", "Insufficient inventory", details=[detail])
