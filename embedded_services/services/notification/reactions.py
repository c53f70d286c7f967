"""What the notification service does when it hears of others: it remembers how a new user can be reached and welcomes them,
and confirms an order to its owner.

It does so in two steps, as anyone else could ask it to: it publishes `email.send` and `notification.send`, and handles them.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, bindparam, insert, select, update

from embedded_services.bus.outbox import Outbox
from embedded_services.bus.subscriber import Arrived, Refused
from embedded_services.common.clock import Clock
from embedded_services.contracts.wire import END, Request
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.events import Effect, Reaction
from embedded_services.services.kit.fields import Id
from embedded_services.services.notification.messages import Channel, TemplateName
from embedded_services.services.notification.notices import CONFIRMED, Notice, Notices, is_kept, order_of
from embedded_services.services.notification.renderer import Rendered, Renderer
from embedded_services.services.notification.tables import recipients
from embedded_services.services.notification.templates import find as find_template
from embedded_services.services.notification.templates import source_of

Address = Annotated[str, Meta(pattern=r"^[^@\s<>,;]{1,64}@[^@\s<>,;]{1,189}" + END)]
Data = dict[str, Any]
T = TypeVar("T")

_revision_of = select(recipients.c.revision).where(recipients.c.user_id == bindparam("user"))
_user_at = select(recipients.c.user_id).where(recipients.c.email == bindparam("email")).limit(1)


class UserTold(Request, frozen=True, forbid_unknown_fields=False):
    """Of a new user's event, what is needed here. Users who were there before anyone could hear of them need no welcome."""

    id: Id
    email: Address
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    revision: Annotated[int, Meta(ge=1)]
    welcome: bool = True


class OrderTold(Request, frozen=True, forbid_unknown_fields=False):
    id: Id
    user_id: Id


class EmailSend(Request, frozen=True, forbid_unknown_fields=False):
    """`user_id` null: whoever has the address `to`."""

    to: Address
    template: TemplateName
    user_id: Id | None = None
    data: Data = {}


class NotificationSend(Request, frozen=True, forbid_unknown_fields=False):
    """`channel` null: the template's."""

    user_id: Id
    template: TemplateName
    channel: Channel | None = None
    data: Data = {}


class Reactions:
    def __init__(
        self, database: Database, clock: Clock, renderer: Renderer, outbox: Outbox, notices: Notices
    ) -> None:
        self._database = database
        self._clock = clock
        self._renderer = renderer
        self._outbox = outbox
        self._notices = notices

    @property
    def table(self) -> Mapping[str, Reaction]:
        return {
            "user.created": self.user_created,
            "order.created": self.order_created,
            "email.send": self.email_send,
            "notification.send": self.notification_send,
        }

    async def user_created(self, arrived: Arrived) -> Effect:
        user = _read(arrived, UserTold)

        def effect(connection: Connection) -> None:
            _remember(connection, user)
            if user.welcome:
                told = {"to": user.email, "userId": user.id, "template": "welcome"}
                data = {"name": user.name, "email": user.email}
                self._outbox.publish(connection, "email.send", {**told, "data": data}, self._clock.now())

        return effect

    async def order_created(self, arrived: Arrived) -> Effect:
        order = _read(arrived, OrderTold)

        def effect(connection: Connection) -> None:
            if is_kept(connection, order.user_id, order.id, CONFIRMED):
                return  # the saga has confirmed it
            data = {**arrived.event.data, "orderId": order.id}
            told = {"userId": order.user_id, "template": CONFIRMED, "data": data}
            self._outbox.publish(connection, "notification.send", told, self._clock.now())

        return effect

    async def email_send(self, arrived: Arrived) -> Effect:
        asked = _read(arrived, EmailSend)
        user = asked.user_id or await self._database.read(
            lambda connection: connection.execute(_user_at, {"email": asked.to}).scalar(), bounded=False
        )
        if user is None:
            raise Refused(f"nobody here has the address {asked.to}")
        rendered = await self._render(asked.template, Channel.EMAIL, asked.data)
        notice = Notice(user, asked.template, rendered, order_of(asked.data), asked.to)
        return lambda connection: self._keep(connection, notice)

    async def notification_send(self, arrived: Arrived) -> Effect:
        asked = _read(arrived, NotificationSend)
        rendered = await self._render(asked.template, asked.channel, asked.data)
        notice = Notice(asked.user_id, asked.template, rendered, order_of(asked.data))
        return lambda connection: self._keep(connection, notice)

    async def _render(self, template: str, channel: Channel | None, data: Data) -> Rendered:
        """A template that is missing may be put there before the next attempt, so it is a failure like any other."""
        row = await self._database.read(lambda connection: find_template(connection, template), bounded=False)
        return await self._renderer.render(source_of(row), channel, data)

    def _keep(self, connection: Connection, notice: Notice) -> None:
        self._notices.keep(connection, notice, self._clock.now())


def _remember(connection: Connection, user: UserTold) -> None:
    known = connection.execute(_revision_of, {"user": user.id}).scalar_one_or_none()
    values = {"email": user.email, "name": user.name, "revision": user.revision}
    if known is None:
        connection.execute(insert(recipients).values(user_id=user.id, **values))
    elif known < user.revision:
        connection.execute(update(recipients).where(recipients.c.user_id == user.id).values(values))


def _read(arrived: Arrived, kind: type[T]) -> T:
    try:
        return msgspec.convert(arrived.event.data, kind)
    except msgspec.ValidationError as error:
        raise Refused(f"{arrived.event.type} with data that it cannot have: {error}") from error
