"""The notification service's book for the ledger: which orders were confirmed to their owners."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from embedded_services.contracts.ledger import NoticeBook
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Ask, Endpoint, Nothing
from embedded_services.services.notification.notices import CONFIRMED
from embedded_services.services.notification.tables import notifications, order_notices

REACH: Final = 100_000
"""As many of the newest notifications are looked through for confirmations."""

_told = order_notices.join(notifications, notifications.c.id == order_notices.c.notification_id)
_is_confirmation = order_notices.c.template == CONFIRMED
_last = select(func.coalesce(func.max(notifications.c.seq), 0))
# One text is read twenty times as fast as as many rows. The sum keeps the planner from going by the number, for which it
# would make an index of its own each time.
_newest = (
    select(func.aggregate_strings(order_notices.c.order_id, "\n"))
    .select_from(_told)
    .where(_is_confirmation, notifications.c.seq + 0 > bindparam("after"))
)
_count = select(func.count()).select_from(order_notices).where(_is_confirmation)


def book_endpoint(database: Database) -> Endpoint[Nothing]:
    async def book(_ask: Ask[Nothing]) -> NoticeBook:
        return await database.read(read_book)

    return Endpoint("GET", "/ledger", book, Nothing, internal=True)


def read_book(connection: Connection) -> NoticeBook:
    last = int(connection.execute(_last).scalar_one())
    told: str | None = connection.execute(_newest, {"after": last - REACH}).scalar_one()
    confirmed = told.split("\n") if told else []
    left_out = 0
    if last > REACH:
        left_out = max(0, int(connection.execute(_count).scalar_one()) - len(confirmed))
    return NoticeBook(confirmed=confirmed, left_out=left_out)
