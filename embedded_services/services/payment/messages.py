"""What the payment service is asked and what it says. Amounts have at most two decimals."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from embedded_services.contracts.wire import END, Message, Request, Timestamp
from embedded_services.services.kit.fields import Id
from embedded_services.services.kit.pages import Paging

CardNumber = Annotated[str, Meta(pattern=r"^[0-9]{12,19}" + END)]


class Currency(StrEnum):
    """Those with hundredths, because amounts are kept in hundredths."""

    USD = "USD"
    EUR = "EUR"
    GBP = "GBP"
    CHF = "CHF"
    CAD = "CAD"
    AUD = "AUD"
    CNY = "CNY"


class Method(StrEnum):
    CARD = "card"
    BANK_TRANSFER = "bank_transfer"
    WALLET = "wallet"


class PaymentStatus(StrEnum):
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


class NewPayment(Request, frozen=True):
    """`card_number` is looked at and forgotten; its last four digits are kept."""

    order_id: Id
    amount: Decimal
    currency: Currency = Currency.USD
    method: Method = Method.CARD
    card_number: CardNumber | None = None


class Payment(Message, frozen=True):
    """`refunded` is how much of `amount` was given back; `failure_reason` is null unless the status is `failed`."""

    id: str
    order_id: str
    user_id: str
    amount: Decimal
    currency: Currency
    method: Method
    last4: str | None
    status: PaymentStatus
    refunded: Decimal
    failure_reason: str | None
    created_at: Timestamp
    updated_at: Timestamp
    revision: int


class PaymentFilter(Paging, frozen=True):
    order_id: Id | None = None
    user_id: Id | None = None
    status: PaymentStatus | None = None


class NewRefund(Request, frozen=True):
    """Without an `amount`, all that remains."""

    amount: Decimal | None = None
    reason: Annotated[str, Meta(max_length=200)] | None = None


class Refund(Message, frozen=True):
    id: str
    payment_id: str
    amount: Decimal
    currency: Currency
    reason: str | None
    created_at: Timestamp


class BillingFilter(Paging, frozen=True):
    user_id: Id | None = None


class Kind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"


class Total(Message, frozen=True):
    """`net` is charged less refunded; `count` is of entries, charges and refunds."""

    currency: Currency
    charged: Decimal
    refunded: Decimal
    net: Decimal
    count: int


class Entry(Message, frozen=True):
    """A line of a statement. `amount` is positive for a charge, negative for a refund."""

    at: Timestamp
    kind: Kind
    user_id: str
    order_id: str
    payment_id: str
    refund_id: str | None
    amount: Decimal
    currency: Currency


class Summary(Message, frozen=True):
    """A month (`YYYY-MM`, UTC) in which something was charged or refunded."""

    month: str
    totals: list[Total]


class Statement(Message, frozen=True):
    """A month's statement: the totals of all of it, and one page of its lines, newest first."""

    month: str
    totals: list[Total]
    lines: list[Entry]
    next_cursor: str | None
