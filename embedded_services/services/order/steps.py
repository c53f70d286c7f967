"""The order service's steps of sagas: an order is written as `pending`, its stock reserved, and it is confirmed; each undone
again whatever became of it.

A pending order is not told of: `order.created` is published when the saga confirms it.
"""

from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Connection, bindparam, select

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.wire import Message, Request
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Answer, Ask, Endpoint, Endpoints, answer
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.fields import Id
from embedded_services.services.kit.steps import SagaSteps
from embedded_services.services.order.messages import MAX_LINES, Line, Order, Wanted
from embedded_services.services.order.moves import OrderStatus, check_move
from embedded_services.services.order.moving import move, move_row
from embedded_services.services.order.paying import payment_of
from embedded_services.services.order.placing import Merged, priced, release, reserve, write
from embedded_services.services.order.shown import find, find_lines, find_or_none, load
from embedded_services.services.order.tables import idempotency_keys, reservations

_reserved = Prepared(
    select(reservations)
    .where(reservations.c.order_id == bindparam("order"))
    .order_by(reservations.c.product_id)
)


class ToValidate(Request, frozen=True):
    order_id: Id
    user_id: Id
    items: Annotated[list[Wanted], Meta(max_length=MAX_LINES)]


class OfOrder(Request, frozen=True):
    order_id: Id


class ToCreate(Request, frozen=True):
    order_id: Id
    payment_id: Id


class Validated(Message, frozen=True):
    items: list[Line]
    total: Decimal


class Reservation(Message, frozen=True):
    product_id: str
    quantity: int
    reservation_id: str


class Reserved(Message, frozen=True):
    reservations: list[Reservation]


class Created(Message, frozen=True):
    order: Order


class Refundable(Message, frozen=True):
    user_id: str
    payment_id: str
    total: Decimal


class Cancelled(Message, frozen=True):
    status: OrderStatus | None
    """Null where there is no such order."""


class Steps:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._steps = SagaSteps(database, idempotency_keys, clock)
        self._outbox = outbox

    @property
    def endpoints(self) -> Endpoints:
        return [
            Endpoint("POST", "/saga/validate-order", self.validate, ToValidate, internal=True),
            Endpoint("POST", "/saga/validate-order/undo", self.cancel, OfOrder, internal=True),
            Endpoint("POST", "/saga/reserve-inventory", self.reserve, OfOrder, internal=True),
            Endpoint("POST", "/saga/reserve-inventory/undo", self.release, OfOrder, internal=True),
            Endpoint("POST", "/saga/create-order", self.create, ToCreate, internal=True),
            Endpoint("POST", "/saga/create-order/undo", self.cancel, OfOrder, internal=True),
            Endpoint("POST", "/saga/check-refund", self.check_refund, OfOrder, internal=True),
            Endpoint("POST", "/saga/cancel-order", self.cancel_for_good, OfOrder, internal=True),
        ]

    async def validate(self, ask: Ask[ToValidate]) -> Answer:
        """Items, prices and the whole are checked, and the order is written, at the catalogue's prices."""
        asked = ask.input

        def work(connection: Connection, now: float) -> Answer:
            order = write(connection, asked.order_id, asked.user_id, priced(connection, asked.items), now)
            return answer(Validated(items=order.items, total=order.total))

        return await self._steps.act(ask, work)

    async def reserve(self, ask: Ask[OfOrder]) -> Answer:
        """Raises ApiError CONFLICT "Insufficient inventory"."""
        order_id = ask.input.order_id

        def work(connection: Connection, now: float) -> Answer:
            self._must_be_pending(connection, order_id, "reserved for")
            lines = [
                Merged(row.product_id, row.quantity, row.price, f"items[{row.line}]")
                for row in find_lines(connection, order_id)
            ]
            reserve(connection, self._outbox, order_id, lines, now)
            return answer(
                Reserved(
                    reservations=[
                        Reservation(
                            product_id=row.product_id,
                            quantity=row.quantity,
                            reservation_id=f"{order_id}.{row.product_id}",
                        )
                        for row in _reserved.rows(connection, {"order": order_id})
                    ]
                )
            )

        return await self._steps.act(ask, work)

    async def release(self, ask: Ask[OfOrder]) -> Answer:
        order_id = ask.input.order_id

        def work(connection: Connection, now: float) -> Answer:
            release(connection, self._outbox, order_id, now)
            return answer({"released": True})

        return await self._steps.undo(ask, work)

    async def create(self, ask: Ask[ToCreate]) -> Answer:
        """The order becomes `confirmed`, or `paid` if its payment has been heard of. Raises ApiError CONFLICT if it was
        cancelled meanwhile."""
        asked = ask.input

        def work(connection: Connection, now: float) -> Answer:
            row = self._must_be_pending(connection, asked.order_id, "confirmed")
            paid_with = payment_of(connection, row)
            status = OrderStatus.CONFIRMED if paid_with is None else OrderStatus.PAID
            move_row.run(
                connection,
                {
                    "order": row.id,
                    "to_status": status,
                    "to_payment": paid_with or asked.payment_id,
                    "now": now,
                },
            )
            order = load(connection, row.id)
            self._outbox.publish(connection, "order.created", data_of(order), now)
            return answer(Created(order=order))

        return await self._steps.act(ask, work)

    async def cancel(self, ask: Ask[OfOrder]) -> Answer:
        """The order is cancelled and its stock free, if there is such an order. Raises ApiError CONFLICT if it was shipped."""
        return await self._steps.undo(
            ask, lambda connection, now: self._cancel(connection, ask.input.order_id, now)
        )

    async def cancel_for_good(self, ask: Ask[OfOrder]) -> Answer:
        return await self._steps.act(
            ask, lambda connection, now: self._cancel(connection, ask.input.order_id, now)
        )

    async def check_refund(self, ask: Ask[OfOrder]) -> Answer:
        """Raises ApiError NOT_FOUND, or CONFLICT for an order that was not paid or is on its way."""
        order_id = ask.input.order_id

        def work(connection: Connection, _now: float) -> Answer:
            row = find(connection, order_id, lock=True)
            paid_with = payment_of(connection, row) or row.payment_id
            if row.status == OrderStatus.SHIPPED or paid_with is None:
                raise ApiError("CONFLICT", f"An order that is {row.status} cannot be refunded")
            order = load(connection, row.id)
            return answer(Refundable(user_id=order.user_id, payment_id=paid_with, total=order.total))

        return await self._steps.act(ask, work)

    def _cancel(self, connection: Connection, order_id: str, now: float) -> Answer:
        row = find_or_none(connection, order_id, lock=True)
        if row is None:
            return answer(Cancelled(status=None))
        if row.status != OrderStatus.CANCELLED:
            check_move(OrderStatus(row.status), OrderStatus.CANCELLED, owner_only=False)
            move(connection, self._outbox, row, OrderStatus.CANCELLED, now)
        return answer(Cancelled(status=OrderStatus.CANCELLED))

    @staticmethod
    def _must_be_pending(connection: Connection, order_id: str, done: str) -> Any:
        row = find(connection, order_id, lock=True)
        if row.status != OrderStatus.PENDING:
            raise ApiError("CONFLICT", f"An order that is {row.status} cannot be {done}")
        return row
