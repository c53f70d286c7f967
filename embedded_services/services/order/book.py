"""The order service's book for the ledger: its orders, and where its stock is, read at one moment."""

from typing import Final

from sqlalchemy import Connection, and_, case, func, or_, select

from embedded_services.contracts.ledger import BOOK_MAX, NAMED_MAX, Holding, OrderBook, Stock, Unheld
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Ask, Endpoint, Nothing
from embedded_services.services.order.moves import OrderStatus
from embedded_services.services.order.tables import order_lines, orders, products, receipts, reservations

_CONFIRMED: Final = (OrderStatus.CONFIRMED.value, OrderStatus.PAID.value, OrderStatus.SHIPPED.value)
_is_confirmed = orders.c.status.in_(_CONFIRMED)
_is_held = reservations.c.released_at.is_(None)

_newest = select(orders.c.id, orders.c.status).order_by(orders.c.seq.desc()).limit(BOOK_MAX)
_count = select(func.count()).select_from(orders)
_held = (
    select(
        reservations.c.product_id,
        func.sum(case((_is_confirmed, reservations.c.quantity), else_=0)).label("sold"),
        func.sum(case((_is_confirmed, 0), else_=reservations.c.quantity)).label("reserved"),
    )
    .select_from(reservations.outerjoin(orders, orders.c.id == reservations.c.order_id))
    .where(_is_held)
    .group_by(reservations.c.product_id)
    .subquery()
)
_stock = (
    select(
        products.c.id,
        products.c.stock,
        func.coalesce(_held.c.reserved, 0).label("reserved"),
        func.coalesce(_held.c.sold, 0).label("sold"),
        func.coalesce(receipts.c.received, 0).label("received"),
    )
    .select_from(
        products.outerjoin(_held, _held.c.product_id == products.c.id).outerjoin(
            receipts, receipts.c.product_id == products.c.id
        )
    )
    .order_by(products.c.id)
)
_unheld_lines = (
    order_lines.join(orders, and_(orders.c.id == order_lines.c.order_id, _is_confirmed))
    .outerjoin(
        reservations,
        and_(
            reservations.c.order_id == order_lines.c.order_id,
            reservations.c.product_id == order_lines.c.product_id,
            _is_held,
        ),
    )
)  # fmt: skip
_is_unheld = or_(reservations.c.quantity.is_(None), reservations.c.quantity != order_lines.c.quantity)
_unheld = (
    select(
        order_lines.c.order_id,
        order_lines.c.product_id,
        order_lines.c.quantity,
        func.coalesce(reservations.c.quantity, 0).label("held"),
    )
    .select_from(_unheld_lines)
    .where(_is_unheld)
    .order_by(orders.c.seq.desc(), order_lines.c.line)
    .limit(NAMED_MAX)
)
_unheld_count = select(func.count()).select_from(_unheld_lines).where(_is_unheld)
_is_holding = and_(_is_held, or_(orders.c.status.is_(None), orders.c.status.not_in(_CONFIRMED)))
_holders = reservations.outerjoin(orders, orders.c.id == reservations.c.order_id)
_holding = (
    select(reservations.c.order_id, orders.c.status)
    .select_from(_holders)
    .where(_is_holding)
    .group_by(reservations.c.order_id, orders.c.status)
    .order_by(func.max(reservations.c.reserved_at).desc())
    .limit(BOOK_MAX)
)
_holding_count = (
    select(func.count(reservations.c.order_id.distinct())).select_from(_holders).where(_is_holding)
)


def book_endpoint(database: Database) -> Endpoint[Nothing]:
    async def book(_ask: Ask[Nothing]) -> OrderBook:
        return await database.read(read_book)

    return Endpoint("GET", "/ledger", book, Nothing, internal=True)


def read_book(connection: Connection) -> OrderBook:
    """A reading of the whole database costs with its size: whoever asks often waits accordingly."""
    confirmed: list[str] = []
    others: dict[str, list[str]] = {OrderStatus.PENDING: [], OrderStatus.CANCELLED: []}
    for id_, status in connection.execute(_newest):
        others.get(status, confirmed).append(id_)
    listed = len(confirmed) + sum(map(len, others.values()))
    stock = [
        Stock(product=row.id, stock=row.stock, reserved=row.reserved, sold=row.sold, received=row.received)
        for row in connection.execute(_stock)
    ]
    uneven = [row for row in stock if row.stock + row.reserved + row.sold != row.received]
    unheld = [
        Unheld(order=row.order_id, product=row.product_id, ordered=row.quantity, held=row.held)
        for row in connection.execute(_unheld)
    ]
    holding = [Holding(order=row.order_id, status=row.status) for row in connection.execute(_holding)]
    return OrderBook(
        confirmed=confirmed,
        pending=others[OrderStatus.PENDING],
        cancelled=others[OrderStatus.CANCELLED],
        left_out=connection.execute(_count).scalar_one() - listed,
        stock=_sum(stock),
        uneven=uneven[:NAMED_MAX],
        uneven_count=len(uneven),
        unheld=unheld,
        unheld_count=len(unheld)
        if len(unheld) < NAMED_MAX
        else connection.execute(_unheld_count).scalar_one(),
        holding=holding,
        holding_count=len(holding)
        if len(holding) < BOOK_MAX
        else connection.execute(_holding_count).scalar_one(),
    )


def _sum(rows: list[Stock]) -> Stock:
    return Stock(
        product="",
        stock=sum(row.stock for row in rows),
        reserved=sum(row.reserved for row in rows),
        sold=sum(row.sold for row in rows),
        received=sum(row.received for row in rows),
    )
