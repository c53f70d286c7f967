"""The events that the payment service wants to hear of."""

from typing import Final

ORDER_CANCELLED: Final = "order.cancelled"
BOUND: Final = (ORDER_CANCELLED,)
