"""What must be true of the services' books together: which books there are, and how they are compared. Pure.

The books are read one after another while the system goes on, the orchestrator's last: whatever was under way when any of
them was read is under way there still, or has just ended.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from embedded_services.contracts.ledger import (
    LedgerItem,
    LedgerLine,
    LineName,
    LineState,
    NoticeBook,
    OrderBook,
    PaymentBook,
    SagaBook,
    SagaOfOrder,
)
from embedded_services.contracts.sagas import ENDED, SagaState

SHOWN: Final = 20
"""Things that a line names."""


ORDERS: Final = "order"
PAYMENTS: Final = "payment"
NOTICES: Final = "notification"
BOOKS: Final[Mapping[str, type[OrderBook] | type[PaymentBook] | type[NoticeBook]]] = {
    ORDERS: OrderBook,
    PAYMENTS: PaymentBook,
    NOTICES: NoticeBook,
}
"""The services that have one."""


@dataclass(frozen=True)
class Books:
    """A book, or why it cannot be had."""

    orders: OrderBook | str
    payments: PaymentBook | str
    notices: NoticeBook | str
    sagas: SagaBook | str


def gathered(found: Mapping[str, object], sagas: SagaBook | str) -> Books:
    """`found` is by service, of the types in `BOOKS`, or says why it is not there."""
    orders, payments, notices = (found.get(name) for name in BOOKS)
    return Books(
        orders if isinstance(orders, OrderBook) else str(orders),
        payments if isinstance(payments, PaymentBook) else str(payments),
        notices if isinstance(notices, NoticeBook) else str(notices),
        sagas,
    )


def compare(books: Books) -> list[LedgerLine]:
    """A line for each rule."""
    sagas = _Sagas(books.sagas)
    return [
        _payments(books.payments, books.orders, sagas),
        _stock(books.orders),
        _reservations(books.orders, sagas),
        _confirmations(books.orders, books.notices, sagas),
    ]


class _Sagas:
    """The sagas by their orders."""

    def __init__(self, book: SagaBook | str) -> None:
        self.why = book if isinstance(book, str) else ""
        self._live: dict[str, SagaOfOrder] = {}
        for saga in () if isinstance(book, str) else book.live:
            known = self._live.get(saga.order)
            if known is None or known.state in ENDED:
                self._live[saga.order] = saga

    def of(self, order: str) -> SagaOfOrder | None:
        return self._live.get(order)


@dataclass
class _Line:
    """A line that is being made: what does not fit is broken, unless a saga explains it."""

    name: LineName
    sagas: _Sagas
    broken: list[LedgerItem] = field(default_factory=list)
    settling: list[LedgerItem] = field(default_factory=list)
    open: int = 0

    def misfit(self, item: LedgerItem, *, refunding: bool = False) -> None:
        """`refunding`: it may be on its way back."""
        saga = None if item.order is None else self.sagas.of(item.order)
        if saga is not None:
            what = f"{item.what}; its saga is {_said(saga.state)}"
            self.settling.append(replace(item, what=what, saga=saga.saga))
        elif refunding:
            self.settling.append(replace(item, what=f"{item.what} a moment ago; it is to be given back"))
        elif self.sagas.why:
            self.open += 1
        else:
            self.broken.append(item)

    def end(self, checked: int, unchecked: int = 0) -> LedgerLine:
        state = LineState.OK
        why = ""
        if self.broken:
            state = LineState.BROKEN
        elif self.open:
            state = LineState.UNKNOWN
            why = f"whether a saga explains {self.open} of them is not known: {self.sagas.why}"
        elif self.settling:
            state = LineState.SETTLING
        return LedgerLine(
            name=self.name,
            state=state,
            why=why,
            checked=checked,
            unchecked=unchecked,
            broken=self.broken[:SHOWN],
            broken_count=len(self.broken),
            settling=self.settling[:SHOWN],
            settling_count=len(self.settling),
        )


def _said(state: SagaState) -> str:
    if state is SagaState.COMPENSATION_FAILED:
        return "waiting for a person"
    return state.value


def _unknown(name: LineName, *books: object) -> LedgerLine:
    """The line where a book is missing."""
    why = dict.fromkeys(book for book in books if isinstance(book, str))
    return LedgerLine(name=name, state=LineState.UNKNOWN, why="; ".join(why))


def _payments(payments: PaymentBook | str, orders: OrderBook | str, sagas: _Sagas) -> LedgerLine:
    if isinstance(payments, str) or isinstance(orders, str):
        return _unknown(LineName.PAYMENTS, payments, orders)
    line = _Line(LineName.PAYMENTS, sagas)
    status = dict.fromkeys(orders.confirmed, "")
    status |= dict.fromkeys(orders.pending, "is pending")
    status |= dict.fromkeys(orders.cancelled, "is cancelled")
    unchecked = payments.left_out
    lately = set(orders.lately_cancelled)
    for captured in payments.captured:
        said = status.get(captured.order)
        if said is None:
            if orders.left_out:
                unchecked += 1  # an order may be much older than its payment
                continue
            said = "does not exist"
        if said:
            item = LedgerItem(
                what=f"payment {captured.payment} was captured, and order {captured.order} {said}",
                order=captured.order,
                payment=captured.payment,
            )
            line.misfit(item, refunding=captured.order in lately)
    return line.end(len(payments.captured) + payments.left_out - unchecked, unchecked)


def _stock(orders: OrderBook | str) -> LedgerLine:
    """All of it is in one book, which is read at one moment: no saga explains a difference."""
    if isinstance(orders, str):
        return _unknown(LineName.STOCK, orders)
    sums = orders.stock
    figures = {
        "stock": sums.stock,
        "reserved": sums.reserved,
        "sold": sums.sold,
        "received": sums.received,
    }
    lost = [
        LedgerItem(
            what=f"order {line.order} has {line.ordered} of {line.product}, and {line.held} are held for it",
            order=line.order,
            product=line.product,
        )
        for line in orders.unheld
    ]
    uneven = [
        LedgerItem(
            what=f"of {row.product} {row.stock} in stock + {row.reserved} reserved + {row.sold} sold are not the "
            f"{row.received} received",
            product=row.product,
        )
        for row in orders.uneven
    ]
    broken = [*lost[: SHOWN // 2], *uneven[: SHOWN // 2]]
    return LedgerLine(
        name=LineName.STOCK,
        state=LineState.BROKEN if broken else LineState.OK,
        checked=len(orders.confirmed) + len(orders.pending) + len(orders.cancelled) + orders.left_out,
        broken=broken,
        broken_count=len(orders.unheld) + orders.uneven_count,
        figures=figures,
    )


def _reservations(orders: OrderBook | str, sagas: _Sagas) -> LedgerLine:
    if isinstance(orders, str):
        return _unknown(LineName.RESERVATIONS, orders)
    line = _Line(LineName.RESERVATIONS, sagas)
    for holding in orders.holding:
        saga = sagas.of(holding.order)
        if saga is not None and saga.state is SagaState.RUNNING:
            continue  # it is for this that it holds them
        what = (
            f"stock is reserved for order {holding.order}, which is {holding.status}, and no saga runs for it"
        )
        line.misfit(LedgerItem(what=what, order=holding.order))
    others = len(orders.pending) + len(orders.cancelled)
    return line.end(others, orders.left_out)


def _confirmations(orders: OrderBook | str, notices: NoticeBook | str, sagas: _Sagas) -> LedgerLine:
    if isinstance(orders, str) or isinstance(notices, str):
        return _unknown(LineName.CONFIRMATIONS, orders, notices)
    line = _Line(LineName.CONFIRMATIONS, sagas)
    told = Counter(notices.confirmed)
    reach = _reach(notices.left_out, len(notices.confirmed))
    unchecked = orders.left_out
    for place, order in enumerate(orders.confirmed):
        count = told.get(order, 0)
        if count == 1:
            continue
        if count == 0 and place >= reach:
            unchecked += 1
            continue
        said = "no confirmation" if count == 0 else f"{count} confirmations"
        line.misfit(LedgerItem(what=f"order {order} is confirmed and has {said}", order=order))
    return line.end(len(orders.confirmed) + orders.left_out - unchecked, unchecked)


def _reach(left_out: int, listed: int) -> int:
    """How many of the newest, of another list in about the same order, must be found in a list of `listed` of which `left_out`
    older ones are not there: half of it leaves room for what was not in the same order."""
    return listed // 2 if left_out else 1 << 62


def orders_in(lines: Sequence[LedgerLine]) -> Iterable[str]:
    """Those that are named and of which no saga is."""
    return dict.fromkeys(
        item.order for line in lines for item in line.broken if item.order is not None and item.saga is None
    )
