"""The order service's book for the ledger: its orders, and where its stock is.

Sums are of everything, read at one moment. Orders are told of one by one only if they are among the newest; older ones are
gone through, a part at a time, when the sums do not fit. No reading keeps others waiting for long.
"""

from functools import partial
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from embedded_services.common.clock import Clock
from embedded_services.contracts.ledger import BOOK_MAX, NAMED_MAX, Holding, OrderBook, Stock, Unheld
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Ask, Endpoint, Nothing
from embedded_services.services.order.moves import OrderStatus
from embedded_services.services.order.tables import order_lines, orders, products, receipts, reservations

REFUNDED_WITHIN_S: Final = 30.0
"""The payment service hears of a cancellation within moments, or it is away."""
OLDER_PARTS: Final = 20
"""As many times `BOOK_MAX` orders are gone through where the sums do not fit."""

_CONFIRMED: Final = (OrderStatus.CONFIRMED.value, OrderStatus.PAID.value, OrderStatus.SHIPPED.value)
_is_confirmed = orders.c.status.in_(_CONFIRMED)
_is_held = reservations.c.released_at.is_(None)
_part = and_(orders.c.seq > bindparam("after"), orders.c.seq <= bindparam("until"))

_last = select(func.coalesce(func.max(orders.c.seq), 0))
_count = select(func.count()).select_from(orders)
_newest = select(orders.c.id, orders.c.status).where(_part).order_by(orders.c.seq.desc())
_lately_cancelled = (
    select(orders.c.id)
    .where(_part, orders.c.status == OrderStatus.CANCELLED.value, orders.c.updated_at > bindparam("since"))
    .order_by(orders.c.seq.desc())
)
_held = (
    select(reservations.c.product_id, func.sum(reservations.c.quantity).label("held"))
    .where(_is_held)
    .group_by(reservations.c.product_id)
    .subquery()
)
_stock = (
    select(
        products.c.id,
        products.c.stock,
        func.coalesce(_held.c.held, 0).label("held"),
        func.coalesce(receipts.c.received, 0).label("received"),
    )
    .select_from(
        products.outerjoin(_held, _held.c.product_id == products.c.id).outerjoin(
            receipts, receipts.c.product_id == products.c.id
        )
    )
    .order_by(products.c.id)
)
_holding = (
    select(orders.c.id, orders.c.status, reservations.c.product_id, reservations.c.quantity)
    .select_from(orders.join(reservations, and_(reservations.c.order_id == orders.c.id, _is_held)))
    .where(_part, orders.c.status.not_in(_CONFIRMED))
    .order_by(orders.c.seq.desc())
)
_unheld = (
    select(
        order_lines.c.order_id,
        order_lines.c.product_id,
        order_lines.c.quantity,
        func.coalesce(reservations.c.quantity, 0).label("held"),
    )
    .select_from(
        orders.join(order_lines, order_lines.c.order_id == orders.c.id).outerjoin(
            reservations,
            and_(
                reservations.c.order_id == order_lines.c.order_id,
                reservations.c.product_id == order_lines.c.product_id,
                _is_held,
            ),
        )
    )
    .where(
        _part,
        _is_confirmed,
        or_(reservations.c.quantity.is_(None), reservations.c.quantity != order_lines.c.quantity),
    )
    .order_by(orders.c.seq.desc(), order_lines.c.line)
    .limit(NAMED_MAX)
)


def book_endpoint(database: Database, clock: Clock) -> Endpoint[Nothing]:
    async def book(_ask: Ask[Nothing]) -> OrderBook:
        return await read_book(database, clock.now())

    return Endpoint("GET", "/ledger", book, Nothing, internal=True)


async def read_book(database: Database, now: float) -> OrderBook:
    last, stock, holding = await database.read(_read_stock)
    uneven = [row for row in stock if row.stock + row.reserved + row.sold != row.received]
    unheld = await database.read(partial(_read_unheld, last, 0))
    for older in range(1, OLDER_PARTS) if uneven else ():
        if unheld or last <= older * BOOK_MAX:
            break
        unheld = await database.read(partial(_read_unheld, last, older))
    confirmed, others, left_out = await database.read(partial(_read_orders, last))
    lately = await database.read(partial(_read_lately_cancelled, last, now - REFUNDED_WITHIN_S))
    return OrderBook(
        confirmed=confirmed,
        pending=others[OrderStatus.PENDING],
        cancelled=others[OrderStatus.CANCELLED],
        left_out=left_out,
        stock=_sum(stock),
        uneven=uneven[:NAMED_MAX],
        uneven_count=len(uneven),
        unheld=unheld,
        holding=holding,
        lately_cancelled=lately,
    )


def _read_stock(connection: Connection) -> tuple[int, list[Stock], list[Holding]]:
    """With the last order's number, and the newest orders that hold stock without being confirmed."""
    last = int(connection.execute(_last).scalar_one())
    reserved: dict[str, int] = {}
    holding: dict[str, Holding] = {}
    for row in connection.execute(_holding, _window(last, 0)):
        reserved[row.product_id] = reserved.get(row.product_id, 0) + row.quantity
        holding[row.id] = Holding(order=row.id, status=row.status)
    stock = [
        Stock(
            product=row.id,
            stock=row.stock,
            reserved=reserved.get(row.id, 0),
            sold=row.held - reserved.get(row.id, 0),
            received=row.received,
        )
        for row in connection.execute(_stock)
    ]
    return last, stock, list(holding.values())


def _read_unheld(last: int, older: int, connection: Connection) -> list[Unheld]:
    return [
        Unheld(order=row.order_id, product=row.product_id, ordered=row.quantity, held=row.held)
        for row in connection.execute(_unheld, _window(last, older))
    ]


def _read_orders(last: int, connection: Connection) -> tuple[list[str], dict[str, list[str]], int]:
    confirmed: list[str] = []
    others: dict[str, list[str]] = {OrderStatus.PENDING: [], OrderStatus.CANCELLED: []}
    listed = 0
    for id_, status in connection.execute(_newest, _window(last, 0)):
        others.get(status, confirmed).append(id_)
        listed += 1
    return confirmed, others, max(0, int(connection.execute(_count).scalar_one()) - listed)


def _read_lately_cancelled(last: int, since: float, connection: Connection) -> list[str]:
    return list(connection.execute(_lately_cancelled, {**_window(last, 0), "since": since}).scalars())


def _window(last: int, older: int) -> dict[str, int]:
    """The newest part of the orders up to `last`, or one of the `older` parts before it."""
    until = last - older * BOOK_MAX
    return {"after": until - BOOK_MAX, "until": until}


def _sum(rows: list[Stock]) -> Stock:
    return Stock(
        product="",
        stock=sum(row.stock for row in rows),
        reserved=sum(row.reserved for row in rows),
        sold=sum(row.sold for row in rows),
        received=sum(row.received for row in rows),
    )
