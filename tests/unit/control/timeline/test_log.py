"""Whoever follows gets each entry once, in its present version; what was dropped is counted."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from embedded_services.contracts.timeline import TimelineEntry, TimelineKind, TimelineQuery, TimelineSubject
from embedded_services.control.timeline.log import TimelineLog
from tests.helpers.timeline import Teller


def entries(count: int) -> list[TimelineEntry]:
    teller = Teller()
    return [teller.tell(TimelineKind.MISSED, TimelineSubject()) for _ in range(count)]


def test_a_later_version_takes_the_place_of_the_one_before() -> None:
    log = TimelineLog()
    first, second = entries(2)
    for entry in (first, second, replace(first, seq=3, count=9)):
        log.tell(entry)
    window = log.newest_after(0, 10)
    assert [entry.seq for entry in window.items] == [2, 3]
    assert window.skipped == 0, "nothing is missing"
    assert log.newest_after(2, 10).items == [replace(first, seq=3, count=9)]


def test_of_too_many_the_newest_come_and_the_others_are_counted() -> None:
    log = TimelineLog()
    for entry in entries(10):
        log.tell(entry)
    window = log.newest_after(2, 3)
    assert [entry.seq for entry in window.items] == [8, 9, 10]
    assert window.skipped == 5


def test_what_was_told_longest_ago_is_dropped_and_counted() -> None:
    log = TimelineLog(capacity=3)
    first, *rest = entries(4)
    log.tell(first)
    for entry in rest[:2]:
        log.tell(entry)
    log.tell(replace(first, seq=10))
    log.tell(replace(rest[2], seq=11))
    assert [entry.id for entry in log.newest_after(0, 10).items] == ["t3", "t1", "t4"]
    assert log.dropped == 1
    assert log.newest_after(0, 10).skipped == 1
    assert log.newest_after(5, 10).skipped == 0


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    log = TimelineLog()
    for entry in entries(5):
        log.tell(entry)
    page = log.page(TimelineQuery(after=0, limit=2))
    assert ([entry.seq for entry in page.items], page.next_after, page.last_seq) == ([1, 2], 2, 5)
    page = log.page(TimelineQuery(after=4, limit=2))
    assert ([entry.seq for entry in page.items], page.next_after) == ([5], None)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=80), st.integers(1, 6))
def test_whoever_reads_now_and_then_has_all_that_is_held(told: list[int], capacity: int) -> None:
    log, known, seen = TimelineLog(capacity), dict[str, TimelineEntry](), 0
    [model] = entries(1)
    for seq, number in enumerate(told, 1):
        log.tell(replace(model, seq=seq, id=f"t{number}"))
        assert len(log) <= capacity
        if seq % 3 == 0:
            window = log.newest_after(seen, 500)
            known |= {entry.id: entry for entry in window.items}
            seen = window.to_seq
    known |= {entry.id: entry for entry in log.newest_after(seen, 500).items}
    held = log.newest_after(0, 500).items
    assert [known[entry.id] for entry in held] == held
