"""Refunds, whole and partial: never more in all than was paid."""

from sqlalchemy import Connection, insert, select, update

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, answer
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.idempotency import once
from embedded_services.services.kit.money import from_minor, to_minor
from embedded_services.services.kit.pages import Paging, rows_of_page
from embedded_services.services.kit.roles import Permission
from embedded_services.services.payment.charging import REFUNDABLE, refund_amount, status_after_refund
from embedded_services.services.payment.ledger import record
from embedded_services.services.payment.messages import Currency, Kind, NewRefund, PaymentStatus, Refund
from embedded_services.services.payment.payments import find
from embedded_services.services.payment.payments import show as show_payment
from embedded_services.services.payment.tables import idempotency_keys, payments, refunds


class Refunds:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def refund(self, ask: Ask[NewRefund]) -> Answer:
        """201 with the refund. CONFLICT for more than what remains. Honours Idempotency-Key."""
        asked = None if ask.input.amount is None else to_minor(ask.input.amount, "amount")
        now = self._clock.now()

        def work(connection: Connection) -> Answer:
            payment = find(connection, ask.params["id"], lock=True)
            ask.caller.must_change(
                payment.user_id, Permission.PAYMENTS_READ, Permission.PAYMENTS_WRITE, "payment"
            )

            def effect() -> Answer:
                status = PaymentStatus(payment.status)
                amount = refund_amount(status, payment.amount, payment.refunded, asked)
                refund = give_back(connection, self._outbox, payment, amount, ask.input.reason, now)
                return answer(refund, 201)

            return once(connection, idempotency_keys, ask, now, effect)

        return await self._database.transact(work)

    async def list(self, ask: Ask[Paging]) -> Page[Refund]:
        id_ = ask.params["id"]

        def work(connection: Connection) -> Page[Refund]:
            payment = find(connection, id_)
            ask.caller.must_see(payment.user_id, Permission.PAYMENTS_READ, "payment")
            rows, cursor = rows_of_page(
                connection,
                select(refunds).where(refunds.c.payment_id == id_),
                refunds.c.seq,
                ask.input,
                of=f"refunds of {id_}",
            )
            return Page(items=[_show(row) for row in rows], next_cursor=cursor)

        return await self._database.read(work)


def refund_rest(connection: Connection, outbox: Outbox, payment: AnyRow, reason: str, now: float) -> int:
    """Give back what remains of a payment, and tell of it. Returns how much that was, in minor units; 0 the second time."""
    rest = int(payment.amount - payment.refunded)
    if not rest or payment.status not in REFUNDABLE:
        return 0
    give_back(connection, outbox, payment, rest, reason, now)
    return rest


def give_back(
    connection: Connection, outbox: Outbox, payment: AnyRow, amount: int, reason: str | None, now: float
) -> Refund:
    """Give back an amount that may be given back, in minor units, and tell of it."""
    refund_id = new_id("ref")
    connection.execute(
        insert(refunds).values(
            id=refund_id,
            payment_id=payment.id,
            amount=amount,
            currency=payment.currency,
            reason=reason,
            created_at=now,
        )
    )
    refunded = payment.refunded + amount
    connection.execute(
        update(payments)
        .where(payments.c.id == payment.id)
        .values(
            refunded=refunded,
            status=status_after_refund(payment.amount, refunded),
            revision=payments.c.revision + 1,
            updated_at=now,
        )
    )
    record(connection, payment, Kind.REFUND, amount, now, refund_id)
    refund = _show(connection.execute(select(refunds).where(refunds.c.id == refund_id)).one())
    after = data_of(show_payment(find(connection, payment.id)))
    outbox.publish(connection, "payment.refunded", {**after, "refund": data_of(refund)}, now)
    return refund


def _show(row: AnyRow) -> Refund:
    return Refund(
        id=row.id,
        payment_id=row.payment_id,
        amount=from_minor(row.amount),
        currency=Currency(row.currency),
        reason=row.reason,
        created_at=row.created_at,
    )
