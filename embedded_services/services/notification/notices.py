"""Keeping a notification, within one transaction; if it is to be sent somewhere, too, the delivery is ordered in the same.

The order to deliver is sent to one queue by name (`bus.send`), where the events are published: it concerns nobody but the
instances of this service, one of which must do it, and it waits in a queue of its own, so that a mail server that is slow
or away holds up no event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select

from embedded_services.bus.names import deliveries_of
from embedded_services.bus.outbox import Outbox
from embedded_services.common.ids import new_id
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.settings import DeliverySettings
from embedded_services.services.notification.messages import Channel, NotificationStatus
from embedded_services.services.notification.renderer import Rendered
from embedded_services.services.notification.tables import (
    deliveries,
    notifications,
    order_notices,
    recipients,
)

DUE: Final = "delivery.due"
CONFIRMED: Final = "order_confirmation"
UNREACHABLE: Final = "no e-mail address of this user is known"

_known = Prepared(
    select(order_notices.c.notification_id).where(
        order_notices.c.user_id == bindparam("user_id"),
        order_notices.c.order_id == bindparam("order_id"),
        order_notices.c.template == bindparam("template"),
    )
)
_email_of = Prepared(select(recipients.c.email).where(recipients.c.user_id == bindparam("user")))
_add = Prepared(insert(notifications))
_add_notice = Prepared(insert(order_notices))
_add_delivery = Prepared(insert(deliveries))


@dataclass(frozen=True)
class Notice:
    """What is to be kept. `address` is null for the one that is known of the user."""

    user_id: str
    template: str
    rendered: Rendered
    order_id: str | None = None
    address: str | None = None


def is_kept(connection: Connection, user_id: str, order_id: str, template: str) -> bool:
    """Whether there is this notification of an order."""
    about = {"user_id": user_id, "order_id": order_id, "template": template}
    return _known.value(connection, about) is not None


def order_of(data: dict[str, Any]) -> str | None:
    """The order that a notification with these data is about."""
    order = data.get("orderId")
    return order if isinstance(order, str) and 0 < len(order) <= 64 else None


class Notices:
    """`settings` says where notifications are sent now."""

    def __init__(self, service: str, outbox: Outbox, settings: Callable[[], DeliverySettings]) -> None:
        self._queue = deliveries_of(service)
        self._outbox = outbox
        self._settings = settings

    def keep(self, connection: Connection, notice: Notice, now: float) -> tuple[str, bool]:
        """The notification's id, and whether it is new: of a user, an order and a template there is only one."""
        about = {"user_id": notice.user_id, "order_id": notice.order_id, "template": notice.template}
        if notice.order_id is not None:
            known = _known.value(connection, about)
            if known is not None:
                return str(known), False
        id_ = new_id("ntf")
        channel = notice.rendered.channel
        status, address = self._way(connection, notice, channel)
        _add.run(
            connection,
            {
                "id": id_,
                "user_id": notice.user_id,
                "channel": channel,
                "template": notice.template,
                "subject": notice.rendered.subject,
                "body": notice.rendered.body,
                "status": status,
                "created_at": now,
            },
        )
        if notice.order_id is not None:
            _add_notice.run(connection, {**about, "notification_id": id_})
        if status is not NotificationStatus.STORED:
            _add_delivery.run(
                connection,
                {
                    "notification_id": id_,
                    "address": address,
                    "attempts": 0,
                    "claimed_until": 0.0,
                    "error": "" if status is NotificationStatus.PENDING else UNREACHABLE,
                    "updated_at": now,
                },
            )
        if status is NotificationStatus.PENDING:
            self._outbox.send(connection, self._queue, DUE, {"notificationId": id_}, now)
        return id_, True

    def _way(
        self, connection: Connection, notice: Notice, channel: Channel
    ) -> tuple[NotificationStatus, str]:
        """What becomes of it, and where it is sent."""
        if not is_sent(self._settings(), channel):
            return NotificationStatus.STORED, ""
        if channel is not Channel.EMAIL:
            return NotificationStatus.PENDING, notice.user_id
        address = notice.address or _email_of.value(connection, {"user": notice.user_id})
        return (NotificationStatus.PENDING, address) if address else (NotificationStatus.FAILED, "")


def is_sent(settings: DeliverySettings, channel: Channel) -> bool:
    """Whether there is somewhere to send what goes by this channel."""
    return (settings.smtp if channel is Channel.EMAIL else settings.webhook_url) is not None
