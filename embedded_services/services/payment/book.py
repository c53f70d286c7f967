"""The payment service's book for the ledger: the payments of which not all was given back."""

from typing import Final

from sqlalchemy import Connection, func, select

from embedded_services.contracts.ledger import BOOK_MAX, Captured, PaymentBook
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Ask, Endpoint, Nothing
from embedded_services.services.payment.messages import PaymentStatus
from embedded_services.services.payment.tables import payments

_UNPAID: Final = (PaymentStatus.PENDING.value, PaymentStatus.FAILED.value)
_is_captured = payments.c.status.not_in(_UNPAID) & (payments.c.refunded < payments.c.amount)
_newest = (
    select(payments.c.id, payments.c.order_id)
    .where(_is_captured)
    .order_by(payments.c.seq.desc())
    .limit(BOOK_MAX)
)
_count = select(func.count()).select_from(payments).where(_is_captured)


def book_endpoint(database: Database) -> Endpoint[Nothing]:
    async def book(_ask: Ask[Nothing]) -> PaymentBook:
        return await database.read(read_book)

    return Endpoint("GET", "/ledger", book, Nothing, internal=True)


def read_book(connection: Connection) -> PaymentBook:
    captured = [Captured(payment=id_, order=order) for id_, order in connection.execute(_newest)]
    full = len(captured) == BOOK_MAX
    count = connection.execute(_count).scalar_one() if full else len(captured)
    return PaymentBook(captured=captured, left_out=count - len(captured))
