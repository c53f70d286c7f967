"""The ledger: what must be true of all services' data together, and whether it is.

Each service says what is in its own books (`OrderBook` and the others), asked of it by the control plane alone; compared,
they make a line for each rule. Sums are of everything. Lists of ids are of the newest, which they begin with, so that a
large database is not held up; `left_out` counts the older ones.
"""

from enum import StrEnum
from typing import Final

from embedded_services.contracts.sagas import SagaState
from embedded_services.contracts.wire import Message, Timestamp

BOOK_MAX: Final = 10_000
"""Orders, and payments, of which a book tells one by one."""
NAMED_MAX: Final = 100
"""Things that are named one by one where something is wrong."""


class LineState(StrEnum):
    """`settling`: a saga under way explains what does not fit. `unknown`: a service that must be asked does not answer."""

    OK = "ok"
    SETTLING = "settling"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class LineName(StrEnum):
    """`payments`: every captured payment belongs to a confirmed order or is refunded. `stock`: stock + reserved + sold =
    received. `reservations`: none outlives its saga. `confirmations`: every confirmed order has exactly one."""

    PAYMENTS = "payments"
    STOCK = "stock"
    RESERVATIONS = "reservations"
    CONFIRMATIONS = "confirmations"


class LedgerItem(Message, frozen=True):
    """Something that does not fit."""

    what: str
    order: str | None = None
    saga: str | None = None
    payment: str | None = None
    product: str | None = None


class LedgerLine(Message, frozen=True):
    """`checked` things were looked at, and `unchecked` older ones were not. Of what is `broken` or `settling` some are named;
    the counts are of all. `why` says what is not known; `figures` are the sums that were compared, in pieces."""

    name: LineName
    state: LineState
    why: str = ""
    checked: int = 0
    unchecked: int = 0
    broken: list[LedgerItem] = []
    broken_count: int = 0
    settling: list[LedgerItem] = []
    settling_count: int = 0
    figures: dict[str, int] = {}


class Ledger(Message, frozen=True):
    at: Timestamp
    lines: list[LedgerLine]


# --- the services' books ------------------------------------------------------------------------------------------


class Stock(Message, frozen=True):
    """Of a product, or of all together, in pieces."""

    product: str
    stock: int
    reserved: int
    sold: int
    received: int


class Unheld(Message, frozen=True):
    """A line of a confirmed order for which there is not the reservation that there must be."""

    order: str
    product: str
    ordered: int
    held: int


class Holding(Message, frozen=True):
    """An order that is not confirmed and holds stock."""

    order: str
    status: str


class OrderBook(Message, frozen=True):
    """`confirmed` are also those that were paid or shipped since. At most `NAMED_MAX` are `unheld`. `lately_cancelled` are those
    whose payments may be on their way back."""

    confirmed: list[str]
    pending: list[str]
    cancelled: list[str]
    left_out: int
    stock: Stock
    uneven: list[Stock]
    uneven_count: int
    unheld: list[Unheld]
    holding: list[Holding]
    lately_cancelled: list[str] = []


class Captured(Message, frozen=True, array_like=True):
    """A payment of which not all was given back."""

    payment: str
    order: str


class PaymentBook(Message, frozen=True):
    captured: list[Captured]
    left_out: int


class NoticeBook(Message, frozen=True):
    """The orders that were confirmed to their owners, once for each confirmation."""

    confirmed: list[str]
    left_out: int


class SagaOfOrder(Message, frozen=True):
    saga: str
    order: str
    state: SagaState


class SagaBook(Message, frozen=True):
    """The sagas under way, and those that ended lately."""

    live: list[SagaOfOrder]
