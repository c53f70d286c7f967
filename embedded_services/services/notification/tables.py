"""The tables of `notifications.db`, and the templates that a new one starts with.

`recipients` is who can be reached where, as `user.created` told. `order_notices` makes a notification unique for its user,
order and template. `deliveries` is the state of those that are sent out of here.
"""

from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
)

from embedded_services.bus.inbox import inbox_table
from embedded_services.bus.outbox import outbox_table
from embedded_services.services.kit.database import Schema
from embedded_services.services.kit.idempotency import idempotency_table
from embedded_services.services.notification.language import Language
from embedded_services.services.notification.messages import Channel

metadata = MetaData()

templates = Table(
    "templates",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("channel", String(10), nullable=False),
    Column("subject", String(500)),
    Column("body", Text, nullable=False),
    Column("description", String(200), nullable=False),
    Column("variables", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("user_id", String(64), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("template", String(64), nullable=False),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("read_at", Float),
    Column("created_at", Float, nullable=False),
)
_unread = notifications.c.read_at.is_(None)
Index("notifications_of_user", notifications.c.user_id, notifications.c.seq)
Index(
    "unread_of_user",
    notifications.c.user_id,
    notifications.c.seq,
    sqlite_where=_unread,
    postgresql_where=_unread,
)

recipients = Table(
    "recipients",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("email", String(254), nullable=False, index=True),
    Column("name", String(80), nullable=False),
    Column("revision", Integer, nullable=False),
)

order_notices = Table(
    "order_notices",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("template", String(64), primary_key=True),
    Column("notification_id", String(64), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("notification_id", String(64), primary_key=True),
    Column("address", String(254), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", String(80)),
    Column("claimed_until", Float, nullable=False),
    Column("error", String(500), nullable=False),
    Column("updated_at", Float, nullable=False),
)

idempotency_keys = idempotency_table(metadata)

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)

_ORDER_LINES: Final = """\
{% for item in items %}
  {{ item.quantity }} x {{ item.name|default(item.productId) }}{% if item.price is defined %} at {{ item.price|money }}{% endif %}

{% endfor %}"""

_TEMPLATES: Final = (
    (
        "welcome",
        Channel.EMAIL,
        "Welcome, {{ name }}",
        "Hello {{ name }},\n\nyour account {{ email }} is ready.\n",
        "To a new user",
    ),
    (
        "order_confirmation",
        Channel.EMAIL,
        "Your order {{ orderId }}",
        f"Thank you for your order {{{{ orderId }}}}:\n\n{_ORDER_LINES}\n\nTotal: {{{{ total|money }}}}\n",
        "When an order is confirmed",
    ),
    (
        "order_cancelled",
        Channel.EMAIL,
        "Your order {{ orderId }} was cancelled",
        "Your order {{ orderId }} was cancelled.\n{% if reason is defined and reason %}Reason: {{ reason }}\n{% endif %}",
        "When an order is cancelled",
    ),
    (
        "payment_receipt",
        Channel.EMAIL,
        "Receipt for order {{ orderId }}",
        "We received {{ amount|money }} {{ currency|default('USD') }} for order {{ orderId }}.\nPayment: {{ paymentId }}\n",
        "When a payment is completed",
    ),
    (
        "order_shipped",
        Channel.SMS,
        None,
        "Your order {{ orderId }} is on its way.{% if tracking is defined %} Tracking: {{ tracking }}{% endif %}",
        "When an order is shipped",
    ),
    (
        "security_alert",
        Channel.PUSH,
        "Security alert",
        "{{ event }}. If this was not you, change your password.",
        "When something happens to an account",
    ),
)


def seed(connection: Connection, now: float) -> None:
    language = Language()
    connection.execute(
        insert(templates),
        [
            {
                "name": name,
                "channel": channel,
                "subject": subject,
                "body": body,
                "description": description,
                "variables": msgspec.json.encode(language.compile((subject or "") + body).variables),
                "created_at": now,
                "updated_at": now,
            }
            for name, channel, subject, body, description in _TEMPLATES
        ],
    )


SCHEMA: Final = Schema(metadata, version=3, seed=seed, grows_from=1)
