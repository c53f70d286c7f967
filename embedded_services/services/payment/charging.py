"""Decisions about payments: pure.

There is no bank behind this service. A card is charged unless it is one of the test cards that are always declined,
so that a declined payment can be had when it is wanted, and never by chance.
"""

from typing import Final

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.money import from_minor
from embedded_services.services.payment.messages import Method, NewPayment, PaymentStatus

DECLINED_CARDS: Final = {
    "4000000000000002": "The card was declined",
    "4000000000009995": "The card has insufficient funds",
}
REFUNDABLE: Final = frozenset({PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED})


def check_method(asked: NewPayment) -> None:
    """Raises ApiError VALIDATION_FAILED for a card number without a card."""
    if asked.card_number is not None and asked.method is not Method.CARD:
        raise invalid("cardNumber", "can only be given with the method card")


def failure_of(asked: NewPayment) -> str | None:
    """Why the charge fails, or None."""
    return DECLINED_CARDS.get(asked.card_number or "")


def refund_amount(status: PaymentStatus, amount: int, refunded: int, asked: int | None) -> int:
    """How much to give back, in minor units; `asked` None means the rest. Raises ApiError CONFLICT."""
    if status not in REFUNDABLE:
        raise ApiError("CONFLICT", f"A payment that is {status} cannot be refunded")
    rest = amount - refunded
    if asked is not None and asked > rest:
        raise ApiError("CONFLICT", f"Only {from_minor(rest)} of this payment remain to be refunded")
    return rest if asked is None else asked


def status_after_refund(amount: int, refunded: int) -> PaymentStatus:
    return PaymentStatus.REFUNDED if refunded == amount else PaymentStatus.PARTIALLY_REFUNDED
