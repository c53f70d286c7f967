from embedded_services.broker.consumer import Consumer, Turns
from embedded_services.broker.message import Entry


class Outlet:
    def __init__(self) -> None:
        self.open = True

    def can_take(self) -> bool:
        return self.open

    def deliver(self, consumer: Consumer, entry: Entry) -> None: ...

    def cancelled(self, consumer: Consumer) -> None: ...


def new(tag: str, outlet: Outlet | None = None, *, prefetch: int = 0, priority: int = 0) -> Consumer:
    return Consumer(tag, "q", outlet or Outlet(), False, False, prefetch, priority)


def turns(*consumers: Consumer) -> Turns:
    all_of_them = Turns()
    for consumer in consumers:
        all_of_them.add(consumer)
    return all_of_them


def tags(choosing: Turns, count: int, *, only_first: bool = False) -> list[str | None]:
    chosen = (choosing.choose(only_first=only_first) for _ in range(count))
    return [consumer.tag if consumer is not None else None for consumer in chosen]


def test_equals_take_turns() -> None:
    assert tags(turns(new("a"), new("b"), new("c")), 7) == ["a", "b", "c", "a", "b", "c", "a"]


def test_a_higher_priority_is_first_as_long_as_it_can_take() -> None:
    outlet = Outlet()
    choosing = turns(new("low"), new("high", outlet, priority=5), new("low 2"))
    assert tags(choosing, 3) == ["high", "high", "high"]
    outlet.open = False
    assert set(tags(choosing, 2)) == {"low", "low 2"}


def test_nobody_is_chosen_when_nobody_can_take() -> None:
    full = new("full", prefetch=1)
    full.unacked = 1
    assert tags(turns(full), 1) == [None]
    assert tags(turns(), 1) == [None]


def test_a_single_active_one_is_the_first_whatever_the_others_could() -> None:
    outlet = Outlet()
    first = new("first", outlet)
    choosing = turns(first, new("second"))
    assert tags(choosing, 2, only_first=True) == ["first", "first"]
    outlet.open = False
    assert tags(choosing, 1, only_first=True) == [None]
    choosing.remove(first)
    assert tags(choosing, 1, only_first=True) == ["second"]
