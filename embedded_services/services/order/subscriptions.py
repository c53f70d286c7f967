"""The events that the order service wants to hear of."""

from typing import Final

BOUND: Final = ("payment.completed", "payment.failed", "payment.refunded")
