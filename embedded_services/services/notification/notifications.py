"""Notifications: rendering and keeping them, seeing them, and marking them read."""

from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, update

from embedded_services.common.clock import Clock
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer, not_found
from embedded_services.services.kit.pages import rows_of_page
from embedded_services.services.kit.roles import Permission
from embedded_services.services.notification.messages import (
    Channel,
    Marked,
    NewNotification,
    Notification,
    NotificationFilter,
    NotificationPage,
    NotificationStatus,
)
from embedded_services.services.notification.notices import Notice, Notices, order_of
from embedded_services.services.notification.renderer import Renderer
from embedded_services.services.notification.tables import notifications
from embedded_services.services.notification.templates import find as find_template
from embedded_services.services.notification.templates import source_of

_by_id = select(notifications).where(notifications.c.id == bindparam("id"))
_is_unread = notifications.c.read_at.is_(None)


class Notifications:
    def __init__(self, database: Database, clock: Clock, renderer: Renderer, notices: Notices) -> None:
        self._database = database
        self._clock = clock
        self._renderer = renderer
        self._notices = notices

    async def send(self, ask: Ask[NewNotification]) -> Answer:
        """201 with the notification, rendered and stored; 200 with the one that there is of this user, order (`orderId` of
        the data) and template."""
        given = ask.input
        to = given.user_id or ask.caller.id
        if to != ask.caller.id:
            ask.caller.must(Permission.NOTIFICATIONS_WRITE)
        template = await self._database.read(lambda connection: find_template(connection, given.template))
        rendered = await self._renderer.render(source_of(template), given.channel, given.data)
        notice = Notice(to, template.name, rendered, order_of(given.data))
        now = self._clock.now()

        def work(connection: Connection) -> tuple[Notification, bool]:
            id_, is_new = self._notices.keep(connection, notice, now)
            return _show(_find(connection, id_)), is_new

        made, is_new = await self._database.transact(work)
        return answer(made, 201 if is_new else 200, location=f"/notifications/{made.id}", asked=ask.path)

    async def list(self, ask: Ask[NotificationFilter]) -> NotificationPage:
        given = ask.input
        rows: Select[Any] = select(notifications)
        unread: Select[Any] = select(func.count()).select_from(notifications).where(_is_unread)
        owner = ask.caller.whose(given.user_id, Permission.NOTIFICATIONS_READ)
        if owner is not None:
            rows = rows.where(notifications.c.user_id == owner)
            unread = unread.where(notifications.c.user_id == owner)
        if given.unread is not None:
            rows = rows.where(_is_unread if given.unread else ~_is_unread)
        if given.channel is not None:
            rows = rows.where(notifications.c.channel == given.channel)

        def work(connection: Connection) -> NotificationPage:
            found, cursor = rows_of_page(connection, rows, notifications.c.seq, given, of="notifications")
            return NotificationPage(
                items=[_show(row) for row in found],
                next_cursor=cursor,
                unread=connection.execute(unread).scalar_one(),
            )

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> Notification:
        def work(connection: Connection) -> Notification:
            row = _find(connection, ask.params["id"])
            ask.caller.must_see(row.user_id, Permission.NOTIFICATIONS_READ, "notification")
            return _show(row)

        return await self._database.read(work)

    async def mark_read(self, ask: Ask[Nothing]) -> Notification:
        """Marking twice keeps the first time."""
        now = self._clock.now()

        def work(connection: Connection) -> Notification:
            row = _find(connection, ask.params["id"])
            ask.caller.must_change(
                row.user_id, Permission.NOTIFICATIONS_READ, Permission.NOTIFICATIONS_WRITE, "notification"
            )
            connection.execute(
                update(notifications).where(notifications.c.id == row.id, _is_unread).values(read_at=now)
            )
            return _show(_find(connection, row.id))

        return await self._database.transact(work)

    async def mark_all_read(self, ask: Ask[Nothing]) -> Marked:
        """All of the caller's own."""
        now = self._clock.now()

        def work(connection: Connection) -> Marked:
            changed = connection.execute(
                update(notifications)
                .where(notifications.c.user_id == ask.caller.id, _is_unread)
                .values(read_at=now)
            )
            return Marked(updated=changed.rowcount)

        return await self._database.transact(work)


def _find(connection: Connection, id_: str) -> AnyRow:
    row = connection.execute(_by_id, {"id": id_}).one_or_none()
    if row is None:
        raise not_found("notification")
    return row


def _show(row: AnyRow) -> Notification:
    return Notification(
        id=row.id,
        user_id=row.user_id,
        channel=Channel(row.channel),
        template=row.template,
        subject=row.subject,
        body=row.body,
        status=NotificationStatus(row.status),
        read_at=row.read_at,
        created_at=row.created_at,
    )
