"""The events that the notification service wants to hear of; it publishes the last two itself."""

from typing import Final

BOUND: Final = ("user.created", "order.created", "email.send", "notification.send")
