"""The rules of the ledger, on books that are made up."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.contracts.ledger import (
    Captured,
    Holding,
    LedgerLine,
    LineName,
    LineState,
    NoticeBook,
    OrderBook,
    PaymentBook,
    SagaBook,
    SagaOfOrder,
    Stock,
    Unheld,
)
from embedded_services.contracts.sagas import SagaState
from embedded_services.sagas.ledger import SHOWN, Books, compare, orders_in

EVEN = Stock(product="", stock=7, reserved=1, sold=2, received=10)


@dataclass
class Shop:
    """What the services have, and what a test takes from it or adds to it."""

    confirmed: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lately: list[str] = field(default_factory=list)
    holding: dict[str, str] = field(default_factory=dict)
    live: dict[str, SagaState] = field(default_factory=dict)

    def sells(self, order: str) -> None:
        """As a saga that went well leaves it."""
        for place in (self.confirmed, self.paid, self.told):
            place.append(order)

    def orders(self) -> OrderBook:
        holding = [Holding(order=order, status=status) for order, status in self.holding.items()]
        return OrderBook(
            confirmed=self.confirmed, pending=self.pending, cancelled=self.cancelled, left_out=0, stock=EVEN,
            uneven=[], uneven_count=0, unheld=[], holding=holding, lately_cancelled=self.lately,
        )  # fmt: skip

    def payments(self) -> PaymentBook:
        return PaymentBook(
            captured=[Captured(payment=f"pay of {order}", order=order) for order in self.paid], left_out=0
        )

    def notices(self) -> NoticeBook:
        return NoticeBook(confirmed=self.told, left_out=0)

    def sagas(self) -> SagaBook:
        return SagaBook(
            live=[
                SagaOfOrder(saga=f"saga of {order}", order=order, state=state)
                for order, state in self.live.items()
            ]
        )

    def books(self) -> Books:
        return Books(self.orders(), self.payments(), self.notices(), self.sagas())

    def lines(self) -> dict[LineName, LedgerLine]:
        return {line.name: line for line in compare(self.books())}


def states(lines: dict[LineName, LedgerLine]) -> dict[LineName, LineState]:
    return {name: line.state for name, line in lines.items() if line.state is not LineState.OK}


def test_an_empty_system_and_one_that_sold_are_in_order() -> None:
    shop = Shop()
    assert states(shop.lines()) == {}
    shop.sells("a")
    lines = shop.lines()
    assert states(lines) == {}
    assert list(lines) == list(LineName)
    assert lines[LineName.CONFIRMATIONS].checked == lines[LineName.PAYMENTS].checked == 1


def test_money_for_an_order_that_is_not_confirmed_is_broken_and_named() -> None:
    for place, said in (("pending", "pending"), ("cancelled", "cancelled"), ("", "does not exist")):
        shop = Shop(paid=["a"])
        if place:
            getattr(shop, place).append("a")
        line = shop.lines()[LineName.PAYMENTS]
        assert (line.state, line.broken_count) == (LineState.BROKEN, 1)
        assert (line.broken[0].order, line.broken[0].payment) == ("a", "pay of a")
        assert said in line.broken[0].what


def test_money_for_an_order_that_was_cancelled_just_now_may_be_on_its_way_back() -> None:
    shop = Shop(cancelled=["a"], paid=["a"], lately=["a"])
    line = shop.lines()[LineName.PAYMENTS]
    assert (line.state, line.settling[0].order, line.broken_count) == (LineState.SETTLING, "a", 0)
    shop.lately = ["b"]
    assert shop.lines()[LineName.PAYMENTS].state is LineState.BROKEN


def test_a_saga_under_way_explains_what_does_not_fit_yet() -> None:
    shop = Shop(pending=["a"], paid=["a"], holding={"a": "pending"}, live={"a": SagaState.COMPENSATING})
    lines = shop.lines()
    assert states(lines) == dict.fromkeys((LineName.PAYMENTS, LineName.RESERVATIONS), LineState.SETTLING)
    assert lines[LineName.PAYMENTS].settling[0].saga == "saga of a"
    shop.live = {"b": SagaState.RUNNING}
    assert states(shop.lines()) == dict.fromkeys((LineName.PAYMENTS, LineName.RESERVATIONS), LineState.BROKEN)


def test_a_reservation_is_in_order_while_its_saga_runs_and_never_outlives_it() -> None:
    shop = Shop(pending=["a"], holding={"a": "pending"}, live={"a": SagaState.RUNNING})
    assert states(shop.lines()) == {}
    shop.live["a"] = SagaState.COMPENSATION_FAILED
    line = shop.lines()[LineName.RESERVATIONS]
    assert line.state is LineState.SETTLING
    assert "waiting for a person" in line.settling[0].what
    shop.live.clear()
    shop.holding["b"] = "cancelled"
    line = shop.lines()[LineName.RESERVATIONS]
    assert [item.order for item in line.broken] == ["a", "b"]


def test_a_confirmed_order_has_exactly_one_confirmation() -> None:
    shop = Shop()
    for order in ("a", "b", "c"):
        shop.sells(order)
    shop.told = ["a", "c", "c"]
    line = shop.lines()[LineName.CONFIRMATIONS]
    assert [(item.order, "2 confirmations" in item.what) for item in line.broken] == [
        ("b", False),
        ("c", True),
    ]
    assert list(orders_in([line])) == ["b", "c"]


def test_stock_that_does_not_add_up_is_broken_whatever_sagas_do() -> None:
    shop = Shop(live={"a": SagaState.RUNNING})
    uneven = Stock(product="prod1", stock=7, reserved=0, sold=2, received=10)
    unheld = Unheld(order="a", product="prod1", ordered=1, held=0)
    orders = msgspec.structs.replace(shop.orders(), uneven=[uneven], uneven_count=1, unheld=[unheld])
    line = compare(Books(orders, shop.payments(), shop.notices(), shop.sagas()))[1]
    assert (line.name, line.state, line.broken_count) == (LineName.STOCK, LineState.BROKEN, 2)
    assert [(item.order, item.product) for item in line.broken] == [("a", "prod1"), (None, "prod1")]
    assert line.figures == {"stock": 7, "reserved": 1, "sold": 2, "received": 10}


def test_what_nobody_says_is_unknown_and_never_in_order_or_broken() -> None:
    shop = Shop(pending=["a"], paid=["a"])
    shop.sells("b")
    away = "order-1 did not answer"
    lines = {line.name: line for line in compare(Books(away, shop.payments(), shop.notices(), shop.sagas()))}
    assert states(lines) == dict.fromkeys(LineName, LineState.UNKNOWN)
    assert lines[LineName.CONFIRMATIONS].why == away
    lines = {line.name: line for line in compare(Books(shop.orders(), shop.payments(), shop.notices(), away))}
    assert states(lines) == {LineName.PAYMENTS: LineState.UNKNOWN}
    assert away in lines[LineName.PAYMENTS].why


def test_what_is_older_than_a_book_goes_back_is_counted_and_not_judged() -> None:
    shop = Shop()
    for number in range(10):
        shop.sells(f"o{number}")
    shop.paid = [*shop.paid, "old"]
    orders = msgspec.structs.replace(shop.orders(), left_out=5)
    notices = NoticeBook(confirmed=shop.told[:8], left_out=7)
    lines = {line.name: line for line in compare(Books(orders, shop.payments(), notices, shop.sagas()))}
    assert states(lines) == {}
    assert lines[LineName.PAYMENTS].unchecked == 1
    assert lines[LineName.CONFIRMATIONS].unchecked == 5 + 2
    shop.paid.insert(0, "new")
    lines = {line.name: line for line in compare(Books(orders, shop.payments(), notices, shop.sagas()))}
    assert (states(lines), lines[LineName.PAYMENTS].unchecked) == ({}, 2)
    untold = NoticeBook(confirmed=shop.told[1:8], left_out=7)
    lines = {line.name: line for line in compare(Books(orders, shop.payments(), untold, shop.sagas()))}
    assert [item.order for item in lines[LineName.CONFIRMATIONS].broken] == ["o0"]


def test_only_some_are_named_and_all_are_counted() -> None:
    shop = Shop(paid=[f"o{number}" for number in range(3 * SHOWN)])
    line = shop.lines()[LineName.PAYMENTS]
    assert (len(line.broken), line.broken_count) == (SHOWN, 3 * SHOWN)


IDS = st.sampled_from([f"o{number}" for number in range(8)])


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    shop = Shop()
    for order in draw(st.sets(IDS)):
        getattr(shop, draw(st.sampled_from(["confirmed", "pending", "cancelled"]))).append(order)
    shop.paid = draw(st.lists(IDS, max_size=6))
    shop.told = draw(st.lists(IDS, max_size=6))
    status = dict.fromkeys(shop.pending, "pending") | dict.fromkeys(shop.cancelled, "cancelled")
    shop.holding = {order: status[order] for order in draw(st.sets(IDS)) & status.keys()}
    shop.live = draw(st.dictionaries(IDS, st.sampled_from(SagaState)))
    return shop


@given(shops())
def test_each_thing_that_does_not_fit_is_in_exactly_one_place(shop: Shop) -> None:
    lines = shop.lines()
    wrong = {
        LineName.PAYMENTS: [order for order in shop.paid if order not in shop.confirmed],
        LineName.RESERVATIONS: [
            order for order in shop.holding if shop.live.get(order) is not SagaState.RUNNING
        ],
        LineName.CONFIRMATIONS: [order for order in shop.confirmed if shop.told.count(order) != 1],
        LineName.STOCK: [],
    }
    for name, line in lines.items():
        broken = Counter(item.order for item in line.broken)
        settling = Counter(item.order for item in line.settling)
        assert broken + settling == Counter(wrong[name])
        assert broken.keys().isdisjoint(shop.live)
        assert settling.keys() <= shop.live.keys()
        assert line.state is (
            LineState.BROKEN if broken else LineState.SETTLING if settling else LineState.OK
        )


@given(shops())
def test_nothing_is_called_broken_while_the_orchestrator_is_silent(shop: Shop) -> None:
    books = Books(shop.orders(), shop.payments(), shop.notices(), "it is away")
    assert LineState.BROKEN not in {line.state for line in compare(books)}
