"""The notification service's book for the ledger: which orders were confirmed to their owners."""

from sqlalchemy import Connection, func, select

from embedded_services.contracts.ledger import BOOK_MAX, NoticeBook
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Ask, Endpoint, Nothing
from embedded_services.services.notification.notices import CONFIRMED
from embedded_services.services.notification.tables import notifications, order_notices

_told = order_notices.join(notifications, notifications.c.id == order_notices.c.notification_id)
_is_confirmation = order_notices.c.template == CONFIRMED
_newest = (
    select(order_notices.c.order_id)
    .select_from(_told)
    .where(_is_confirmation)
    .order_by(notifications.c.seq.desc())
    .limit(BOOK_MAX)
)
_count = select(func.count()).select_from(_told).where(_is_confirmation)


def book_endpoint(database: Database) -> Endpoint[Nothing]:
    async def book(_ask: Ask[Nothing]) -> NoticeBook:
        return await database.read(read_book)

    return Endpoint("GET", "/ledger", book, Nothing, internal=True)


def read_book(connection: Connection) -> NoticeBook:
    confirmed = list(connection.execute(_newest).scalars())
    full = len(confirmed) == BOOK_MAX
    count = connection.execute(_count).scalar_one() if full else len(confirmed)
    return NoticeBook(confirmed=confirmed, left_out=count - len(confirmed))
