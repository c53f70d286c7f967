"""The payment service's steps of sagas: an order is paid for, and given back; money never moves twice.

An order that its owner has paid for by hand meanwhile is not charged again: that payment is taken, and given back like any
other when the saga is undone.
"""

from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.wire import Message, Request
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Endpoint, Endpoints, answer
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.fields import Id
from embedded_services.services.kit.money import from_minor, to_minor
from embedded_services.services.kit.steps import SagaSteps
from embedded_services.services.payment.cancelled import REASON, must_be_wanted
from embedded_services.services.payment.ledger import record
from embedded_services.services.payment.messages import Currency, Kind, Method, PaymentStatus
from embedded_services.services.payment.payments import find, show
from embedded_services.services.payment.refunds import refund_rest
from embedded_services.services.payment.tables import idempotency_keys, payments

FAILED: Final = "Payment processing failed"

_of_order = Prepared(
    select(payments)
    .where(
        payments.c.order_id == bindparam("order"),
        payments.c.user_id == bindparam("user"),
        payments.c.status != PaymentStatus.FAILED.value,
    )
    .with_for_update()
)
_add = Prepared(insert(payments))


class ToCharge(Request, frozen=True):
    order_id: Id
    user_id: Id
    amount: Decimal
    currency: Currency = Currency.USD
    method: Method = Method.CARD


class ToRefund(Request, frozen=True):
    order_id: Id
    user_id: Id


class Charged(Message, frozen=True):
    payment_id: str
    amount: Decimal
    payment_status: PaymentStatus


class Refunded(Message, frozen=True):
    """`payment_id` is null where nothing had been paid."""

    payment_id: str | None
    refunded: Decimal


class Steps:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._steps = SagaSteps(database, idempotency_keys, clock)
        self._outbox = outbox

    @property
    def endpoints(self) -> Endpoints:
        return [
            Endpoint("POST", "/saga/process-payment", self.charge, ToCharge, internal=True),
            Endpoint("POST", "/saga/process-payment/undo", self.refund, ToRefund, internal=True),
            Endpoint("POST", "/saga/refund-payment", self.refund_for_good, ToRefund, internal=True),
        ]

    async def charge(self, ask: Ask[ToCharge]) -> Answer:
        """Raises ApiError CONFLICT "Payment processing failed" for an order that was paid otherwise than it should be, and for
        one that was cancelled."""
        asked = ask.input
        amount = to_minor(asked.amount, "amount")

        def work(connection: Connection, now: float) -> Answer:
            known = self._find(connection, asked.order_id, asked.user_id)
            if known is None:
                must_be_wanted(connection, asked.order_id)
                known = self._pay(connection, asked, amount, now)
            elif (known.status, known.amount, known.currency) != (
                PaymentStatus.COMPLETED,
                amount,
                asked.currency,
            ):
                raise ApiError("CONFLICT", FAILED)
            return answer(
                Charged(
                    payment_id=known.id,
                    amount=from_minor(known.amount),
                    payment_status=PaymentStatus(known.status),
                )
            )

        return await self._steps.act(ask, work)

    async def refund(self, ask: Ask[ToRefund]) -> Answer:
        return await self._steps.undo(ask, lambda connection, now: self._refund(connection, ask, now))

    async def refund_for_good(self, ask: Ask[ToRefund]) -> Answer:
        """Raises ApiError CONFLICT where nothing was paid."""

        def work(connection: Connection, now: float) -> Answer:
            if self._find(connection, ask.input.order_id, ask.input.user_id) is None:
                raise ApiError("CONFLICT", "Nothing was paid for this order")
            return self._refund(connection, ask, now)

        return await self._steps.act(ask, work)

    def _pay(self, connection: Connection, asked: ToCharge, amount: int, now: float) -> AnyRow:
        id_ = new_id("pay")
        _add.run(
            connection,
            {
                "id": id_,
                "user_id": asked.user_id,
                "order_id": asked.order_id,
                "amount": amount,
                "currency": asked.currency,
                "method": asked.method,
                "status": PaymentStatus.COMPLETED,
                "created_at": now,
                "updated_at": now,
            },
        )
        payment = find(connection, id_)
        record(connection, payment, Kind.CHARGE, amount, now)
        self._outbox.publish(connection, "payment.completed", data_of(show(payment)), now)
        return payment

    def _refund(self, connection: Connection, ask: Ask[ToRefund], now: float) -> Answer:
        """Gives back what remains."""
        payment = self._find(connection, ask.input.order_id, ask.input.user_id)
        if payment is None:
            return answer(Refunded(payment_id=None, refunded=from_minor(0)))
        rest = refund_rest(connection, self._outbox, payment, REASON, now)
        return answer(Refunded(payment_id=payment.id, refunded=from_minor(rest)))

    @staticmethod
    def _find(connection: Connection, order: str, user: str) -> AnyRow | None:
        return _of_order.row(connection, {"order": order, "user": user})
