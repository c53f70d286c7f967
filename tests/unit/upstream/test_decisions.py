from embedded_services.contracts.gateway import DecisionKind
from embedded_services.upstream.decisions import KEPT, Decisions
from tests.helpers.clock import FakeClock

SPENT = DecisionKind.BUDGET_SPENT


def test_what_was_told_is_drained_once() -> None:
    clock = FakeClock()
    decisions = Decisions(clock)
    decisions.tell(DecisionKind.EJECTED, "user", "user-1", "5 failures in a row")
    (told,) = decisions.drain()
    assert (told.at, told.service, told.instance, told.count) == (clock.now(), "user", "user-1", 1)
    assert decisions.drain() == []
    assert decisions.seq == 1


def test_what_there_is_no_room_for_is_counted() -> None:
    decisions = Decisions(FakeClock())
    for number in range(KEPT + 7):
        decisions.tell(DecisionKind.EJECTED, "user", "user-1", str(number))
    assert len(decisions.drain()) == KEPT
    assert decisions.seq == KEPT + 7


def test_what_happens_often_is_told_at_once_and_then_once_a_second_with_how_often() -> None:
    clock = FakeClock()
    decisions = Decisions(clock)
    for _ in range(100):
        decisions.tell_often(SPENT, "user", "spent")
    decisions.tell_often(SPENT, "order", "spent")
    assert [(told.service, told.count) for told in decisions.drain()] == [("user", 1), ("order", 1)]
    clock.pass_time(0.9)
    assert decisions.drain() == []
    clock.pass_time(0.1)
    assert [(told.service, told.count) for told in decisions.drain()] == [("user", 99)]
    clock.pass_time(5)
    assert decisions.drain() == []
    decisions.tell_often(SPENT, "user", "spent")
    assert [told.count for told in decisions.drain()] == [1]
