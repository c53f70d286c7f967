"""Payments: charging, and seeing what was charged."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from embedded_services.bus.outbox import Outbox
from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer, not_found
from embedded_services.services.kit.events import data_of
from embedded_services.services.kit.idempotency import once
from embedded_services.services.kit.money import from_minor, to_minor
from embedded_services.services.kit.pages import rows_of_page
from embedded_services.services.kit.roles import Permission
from embedded_services.services.payment.cancelled import must_be_wanted
from embedded_services.services.payment.charging import check_method, failure_of
from embedded_services.services.payment.ledger import record
from embedded_services.services.payment.messages import (
    Currency,
    Kind,
    Method,
    NewPayment,
    Payment,
    PaymentFilter,
    PaymentStatus,
)
from embedded_services.services.payment.tables import idempotency_keys, payments

_of_id = select(payments).where(payments.c.id == bindparam("id"))
_by_id = Prepared(_of_id)
_by_id_locked = Prepared(_of_id.with_for_update())
_add = Prepared(insert(payments))


class Payments:
    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def pay(self, ask: Ask[NewPayment]) -> Answer:
        """201 with the payment, `completed` or `failed`. CONFLICT when the order is paid or was cancelled. Honours Idempotency-Key."""
        asked = ask.input
        check_method(asked)
        amount = to_minor(asked.amount, "amount")
        now = self._clock.now()
        last4 = None if asked.card_number is None else asked.card_number[-4:]
        new = {
            "id": new_id("pay"),
            "user_id": ask.caller.id,
            "order_id": asked.order_id,
            "amount": amount,
            "currency": asked.currency,
            "method": asked.method,
            "last4": last4,
            "status": PaymentStatus.COMPLETED,
            "failure_reason": failure_of(asked),
            "created_at": now,
            "updated_at": now,
        }
        if new["failure_reason"] is not None:
            new["status"] = PaymentStatus.FAILED

        def work(connection: Connection) -> Answer:
            def effect() -> Answer:
                must_be_wanted(connection, asked.order_id)
                _add.run(connection, new)
                payment = find(connection, str(new["id"]))
                if payment.status == PaymentStatus.COMPLETED:
                    record(connection, payment, Kind.CHARGE, amount, now)
                made = show(payment)
                self._outbox.publish(connection, f"payment.{made.status}", data_of(made), now)
                return answer(made, 201, location=f"/payments/{payment.id}", asked=ask.path)

            # A digest of a card number would give the number away, so the fingerprint knows only its end.
            same = msgspec.structs.replace(asked, card_number=last4)
            return once(connection, idempotency_keys, ask, now, effect, same=same)

        try:
            return await self._database.transact(work)
        except IntegrityError as error:
            raise ApiError("CONFLICT", "This order has been paid") from error

    async def list(self, ask: Ask[PaymentFilter]) -> Page[Payment]:
        rows: Select[Any] = select(payments)
        owner = ask.caller.whose(ask.input.user_id, Permission.PAYMENTS_READ)
        if owner is not None:
            rows = rows.where(payments.c.user_id == owner)
        if ask.input.order_id is not None:
            rows = rows.where(payments.c.order_id == ask.input.order_id)
        if ask.input.status is not None:
            rows = rows.where(payments.c.status == ask.input.status)

        def work(connection: Connection) -> Page[Payment]:
            found, cursor = rows_of_page(connection, rows, payments.c.seq, ask.input, of="payments")
            return Page(items=[show(row) for row in found], next_cursor=cursor)

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> Payment:
        def work(connection: Connection) -> Payment:
            row = find(connection, ask.params["id"])
            ask.caller.must_see(row.user_id, Permission.PAYMENTS_READ, "payment")
            return show(row)

        return await self._database.read(work)


def find(connection: Connection, id_: str, *, lock: bool = False) -> AnyRow:
    """Raises ApiError NOT_FOUND."""
    row = (_by_id_locked if lock else _by_id).row(connection, {"id": id_})
    if row is None:
        raise not_found("payment")
    return row


def show(row: AnyRow) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        user_id=row.user_id,
        amount=from_minor(row.amount),
        currency=Currency(row.currency),
        method=Method(row.method),
        last4=row.last4,
        status=PaymentStatus(row.status),
        refunded=from_minor(row.refunded),
        failure_reason=row.failure_reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
