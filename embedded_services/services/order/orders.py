"""Orders: placing them, seeing them, and moving their status."""

from typing import Any

from sqlalchemy import Connection, Select, select

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer
from embedded_services.services.kit.idempotency import once
from embedded_services.services.kit.pages import rows_of_page
from embedded_services.services.kit.roles import Permission
from embedded_services.services.kit.times import to_timestamp
from embedded_services.services.order.messages import NewOrder, Order, OrderFilter, OrderPatch, Placed
from embedded_services.services.order.moves import OrderStatus, check_move
from embedded_services.services.order.moving import move
from embedded_services.services.order.placing import place
from embedded_services.services.order.shown import find, load, show
from embedded_services.services.order.tables import idempotency_keys, orders


class Orders:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def place(self, ask: Ask[NewOrder]) -> Answer:
        """202: the order is taken on, as `pending`. Honours Idempotency-Key."""
        now = self._clock.now()

        def work(connection: Connection) -> Answer:
            def effect() -> Answer:
                return accepted(
                    place(connection, self._outbox, ask.caller.id, ask.input.items, now), ask.path
                )

            return once(connection, idempotency_keys, ask, now, effect)

        return await self._database.transact(work)

    async def list(self, ask: Ask[OrderFilter]) -> Page[Order]:
        wanted = _filtered(ask.input, ask.caller.whose(ask.input.user_id, Permission.ORDERS_READ))

        def work(connection: Connection) -> Page[Order]:
            rows, cursor = rows_of_page(connection, wanted, orders.c.seq, ask.input, of="orders")
            return Page(items=show(connection, rows), next_cursor=cursor)

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> Order:
        def work(connection: Connection) -> Order:
            row = find(connection, ask.params["id"])
            ask.caller.must_see(row.user_id, Permission.ORDERS_READ, "order")
            return show(connection, [row])[0]

        return await self._database.read(work)

    async def move(self, ask: Ask[OrderPatch]) -> Order:
        """Cancelling gives the stock back; the payment service hears of it, and gives back what was paid. An order that is
        confirmed after its payment was completed is `paid` at once."""
        now = self._clock.now()
        after = ask.input.status
        if ask.input.payment_id is not None and after is not OrderStatus.PAID:
            raise invalid("paymentId", "can only be given with the status paid")

        def work(connection: Connection) -> Order:
            row = find(connection, ask.params["id"], lock=True)
            ask.caller.must_change(row.user_id, Permission.ORDERS_READ, Permission.ORDERS_WRITE, "order")
            owner_only = not ask.caller.may(Permission.ORDERS_WRITE)
            check_move(OrderStatus(row.status), after, owner_only=owner_only)
            move(connection, self._outbox, row, after, now, ask.input.payment_id)
            return load(connection, row.id)

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
