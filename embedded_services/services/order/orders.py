"""Orders: placing them, seeing them, and moving their status."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from embedded_services.common.clock import Clock
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer, not_found
from embedded_services.services.kit.idempotency import once
from embedded_services.services.kit.money import from_minor
from embedded_services.services.kit.pages import rows_of_page
from embedded_services.services.kit.roles import Permission
from embedded_services.services.kit.times import to_timestamp
from embedded_services.services.order.messages import Line, NewOrder, Order, OrderFilter, OrderPatch, Placed
from embedded_services.services.order.moves import OrderStatus, check_move
from embedded_services.services.order.placing import place, release
from embedded_services.services.order.tables import idempotency_keys, order_lines, orders

# Built once: making a statement costs more than running it.
_by_id = select(orders).where(orders.c.id == bindparam("id"))
_by_id_locked = _by_id.with_for_update()
_lines_of = (
    select(order_lines)
    .where(order_lines.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(order_lines.c.order_id, order_lines.c.line)
)


class Orders:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def place(self, ask: Ask[NewOrder]) -> Answer:
        """202: the order is taken on, as `pending`. Honours Idempotency-Key."""
        now = self._clock.now()

        def work(connection: Connection) -> Answer:
            def effect() -> Answer:
                return accepted(place(connection, ask.caller.id, ask.input.items, now), ask.path)

            return once(connection, idempotency_keys, ask, now, effect)

        return await self._database.transact(work)

    async def list(self, ask: Ask[OrderFilter]) -> Page[Order]:
        wanted = _filtered(ask.input, ask.caller.whose(ask.input.user_id, Permission.ORDERS_READ))

        def work(connection: Connection) -> Page[Order]:
            rows, cursor = rows_of_page(connection, wanted, orders.c.seq, ask.input, of="orders")
            return Page(items=_show(connection, rows), next_cursor=cursor)

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> Order:
        def work(connection: Connection) -> Order:
            row = _find(connection, ask.params["id"])
            ask.caller.must_see(row.user_id, Permission.ORDERS_READ, "order")
            return _show(connection, [row])[0]

        return await self._database.read(work)

    async def move(self, ask: Ask[OrderPatch]) -> Order:
        """Cancelling gives the stock back. It refunds nothing: payments are another service's."""
        now = self._clock.now()
        after = ask.input.status
        if ask.input.payment_id is not None and after is not OrderStatus.PAID:
            raise invalid("paymentId", "can only be given with the status paid")

        def work(connection: Connection) -> Order:
            row = _find(connection, ask.params["id"], lock=True)
            ask.caller.must_change(row.user_id, Permission.ORDERS_READ, Permission.ORDERS_WRITE, "order")
            owner_only = not ask.caller.may(Permission.ORDERS_WRITE)
            check_move(OrderStatus(row.status), after, owner_only=owner_only)
            if after is OrderStatus.CANCELLED:
                release(connection, row.id, now)
            connection.execute(
                update(orders)
                .where(orders.c.id == row.id)
                .values(
                    status=after,
                    payment_id=ask.input.payment_id or row.payment_id,
                    revision=orders.c.revision + 1,
                    updated_at=now,
                )
            )
            return _show(connection, [_find(connection, row.id)])[0]

        return await self._database.transact(work)


def accepted(placed: Placed, asked: str) -> Answer:
    """The answer to whatever places an order."""
    return answer(placed, 202, location=f"/orders/{placed.id}", asked=asked)


def _filtered(given: OrderFilter, owner: str | None) -> Select[Any]:
    rows: Select[Any] = select(orders)
    if owner is not None:
        rows = rows.where(orders.c.user_id == owner)
    if given.status is not None:
        rows = rows.where(orders.c.status == given.status)
    if given.from_ is not None:
        rows = rows.where(orders.c.created_at >= to_timestamp(given.from_, "from"))
    if given.to is not None:
        rows = rows.where(orders.c.created_at < to_timestamp(given.to, "to"))
    return rows


def _find(connection: Connection, id_: str, *, lock: bool = False) -> AnyRow:
    row = connection.execute(_by_id_locked if lock else _by_id, {"id": id_}).one_or_none()
    if row is None:
        raise not_found("order")
    return row


def _show(connection: Connection, rows: Sequence[AnyRow]) -> list[Order]:
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in connection.execute(_lines_of, {"ids": [row.id for row in rows]}):
        lines[line.order_id].append(
            Line(
                product_id=line.product_id,
                name=line.name,
                quantity=line.quantity,
                price=from_minor(line.price),
                subtotal=from_minor(line.price * line.quantity),
            )
        )
    return [
        Order(
            id=row.id,
            user_id=row.user_id,
            status=OrderStatus(row.status),
            items=lines[row.id],
            total=from_minor(row.total),
            payment_id=row.payment_id,
            created_at=row.created_at,
            updated_at=row.updated_at,
            revision=row.revision,
        )
        for row in rows
    ]
