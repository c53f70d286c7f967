"""What the notification service is asked and what it says."""

from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from embedded_services.contracts.wire import END, Message, Request, Timestamp
from embedded_services.services.kit.fields import Id
from embedded_services.services.kit.pages import Paging

BODY_SOURCE_LIMIT: Final = 8_000
"""Characters of a template's body."""

TemplateName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}" + END)]
VariableName = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}" + END)]
Data = Annotated[dict[VariableName, Any], Meta(max_length=50)]


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"


class NotificationStatus(StrEnum):
    """`stored`: kept here to be read, and sent nowhere. `pending`: is going to be sent, too; then `sent`, or `failed`."""

    STORED = "stored"
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class NewNotification(Request, frozen=True):
    """Without a `user_id`, to the caller; without a `channel`, by the template's."""

    template: TemplateName
    channel: Channel | None = None
    user_id: Id | None = None
    data: Data = {}


class Notification(Message, frozen=True):
    """`subject` and `body` are plain text: whoever shows them as HTML must escape them. An SMS has no subject."""

    id: str
    user_id: str
    channel: Channel
    template: str
    subject: str | None
    body: str
    status: NotificationStatus
    read_at: Timestamp | None
    created_at: Timestamp


class NotificationFilter(Paging, frozen=True):
    unread: bool | None = None
    channel: Channel | None = None
    user_id: Id | None = None


class NotificationPage(Message, frozen=True):
    """A page, and how many unread there are in all of the user's (of everyone's, when no user is asked for)."""

    items: list[Notification]
    next_cursor: str | None
    unread: int


class Marked(Message, frozen=True):
    """How many were unread until now."""

    updated: int


class TemplateInput(Request, frozen=True):
    """E-mail and push have a `subject`, SMS has none.

    `variables`, if given, are those that senders will provide: the template may then use no other.
    """

    channel: Channel
    body: Annotated[str, Meta(min_length=1, max_length=BODY_SOURCE_LIMIT)]
    subject: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    description: Annotated[str, Meta(max_length=200)] = ""
    variables: Annotated[list[VariableName], Meta(max_length=50)] | None = None


class Template(Message, frozen=True):
    """`variables` are the names that subject and body use."""

    name: str
    channel: Channel
    subject: str | None
    body: str
    description: str
    variables: list[str]
    created_at: Timestamp
    updated_at: Timestamp
    revision: int


class PreviewInput(Request, frozen=True):
    channel: Channel | None = None
    data: Data = {}


class Preview(Message, frozen=True):
    channel: Channel
    subject: str | None
    body: str
