"""The feed: typed, level-triggered, honest about its age."""

from collections.abc import Callable
from typing import Any

from app.core.feed import INSTANCES, JOURNAL, KEPT_EVENTS, SERVICES, Feed
from embedded_services.client.stream_client import Connection
from embedded_services.contracts.instances import Status
from embedded_services.contracts.stream import Delta, Events, Snapshot


class Now:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def instance(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": name, "incarnation": 1, "service": name.partition("-")[0], "host": "127.0.0.1", "port": 3001, "pid": 7,
        "external": False, "weight": 1, "status": "healthy", "inRotation": True, "since": 1.0, "reason": "ok",
        "inFlight": 0, "requests": 0, "failures": 0, "latencyMs": {}, "lastCheck": None, "registeredAt": 1.0,
    }  # fmt: skip
    return row | changes


def change(seq: int) -> dict[str, Any]:
    return {
        "seq": seq, "at": 1.0, "instance": "user-1", "service": "user", "incarnation": 1, "before": None,
        "after": "starting", "inRotation": False, "cause": "action", "reason": "",
    }  # fmt: skip


def test_rows_are_typed_and_follow_snapshots_and_deltas() -> None:
    feed, told = Feed(), []
    feed.listen(lambda: told.append(list(feed.rows(INSTANCES))), INSTANCES)
    feed.take(
        Snapshot(rev=1, state={"instances": {"user-1": instance("user-1"), "user-2": instance("user-2")}})
    )
    held = feed.rows(INSTANCES)
    feed.take(
        Delta(
            rev=2,
            set={"instances": {"user-1": instance("user-1", status="frozen")}},
            remove={"instances": ["user-2"]},
        )
    )
    assert feed.rows(INSTANCES)["user-1"].status is Status.FROZEN
    assert list(held) == ["user-1", "user-2"], "what a reader holds stays as it was"
    assert told == [["user-1", "user-2"], ["user-1"]]


def test_listeners_hear_of_their_topics_only_and_may_leave() -> None:
    feed, told = Feed(), []
    leave = feed.listen(lambda: told.append(1), SERVICES)
    feed.take(Delta(rev=2, set={"instances": {"user-1": instance("user-1")}}))
    assert told == []
    feed.take(Snapshot(rev=1, state={}))
    leave()
    feed.take(Snapshot(rev=3, state={}))
    assert told == [1]


def test_a_row_that_cannot_be_read_is_left_out_and_logged(expect_log: Callable[[str], None]) -> None:
    expect_log("instances user-2 from the control plane cannot be read")
    feed = Feed()
    feed.take(Snapshot(rev=1, state={"instances": {"user-1": instance("user-1"), "user-2": {"id": 4}}}))
    assert list(feed.rows(INSTANCES)) == ["user-1"]


def test_topics_that_are_not_known_are_passed_over() -> None:
    feed = Feed()
    feed.take(Snapshot(rev=1, state={"weather": {"today": "rain"}}))
    feed.take(Delta(rev=2, set={"weather": {"today": "sun"}}))
    feed.take(Events(topic="weather", from_seq=1, to_seq=1, items=["rain"], skipped=0))


class TestEvents:
    def test_they_come_once_and_in_order_whatever_is_repeated(self) -> None:
        feed = Feed()
        feed.take(Events(topic="journal", from_seq=1, to_seq=2, items=[change(1), change(2)], skipped=0))
        feed.take(
            Events(topic="journal", from_seq=1, to_seq=3, items=[change(1), change(2), change(3)], skipped=0)
        )
        assert [seq for seq, _ in feed.tail(JOURNAL).after(0)] == [1, 2, 3]
        assert [event.seq for _, event in feed.tail(JOURNAL).after(1)] == [2, 3]

    def test_those_that_were_skipped_are_counted(self) -> None:
        feed = Feed()
        feed.take(
            Events(topic="journal", from_seq=1, to_seq=1000, items=[change(999), change(1000)], skipped=998)
        )
        assert feed.tail(JOURNAL).total == 1000
        assert [seq for seq, _ in feed.tail(JOURNAL).after(0)] == [999, 1000]

    def test_the_oldest_go_when_there_are_too_many(self) -> None:
        feed = Feed()
        items = [change(seq) for seq in range(1, KEPT_EVENTS + 11)]
        feed.take(Events(topic="journal", from_seq=1, to_seq=len(items), items=items, skipped=0))
        assert len(feed.tail(JOURNAL).after(0)) == KEPT_EVENTS
        assert feed.tail(JOURNAL).total == KEPT_EVENTS + 10


class TestLink:
    def test_the_age_is_that_of_the_newest_frame(self) -> None:
        clock = Now()
        feed, told = Feed(clock), []
        feed.listen_link(lambda: told.append(feed.link.is_live))
        feed.connection_changed(Connection(True, 100.0))
        clock.at = 105.0
        feed.take(Snapshot(rev=1, state={"instances": {"user-1": instance("user-1")}}))
        clock.at = 107.0
        feed.connection_changed(Connection(False, 107.0, "the control plane fell silent"))
        assert (feed.link.last_reading, feed.link.reason) == (105.0, "the control plane fell silent")
        assert list(feed.rows(INSTANCES)) == ["user-1"], "what was known stays, as old"
        assert told == [True, False]
        assert feed.link.age_s == 2
        clock.at = 109.9
        feed.grow_older()
        assert feed.link.age_s == 4
        assert told == [True, False, False], "whoever shows the age is told"
        feed.grow_older()
        assert len(told) == 3
        feed.connection_changed(Connection(True, 110.0))
        assert feed.link.age_s == 0

    def test_a_stopped_system_is_forgotten(self) -> None:
        feed = Feed()
        feed.take(Snapshot(rev=1, state={"instances": {"user-1": instance("user-1")}}))
        feed.take(Events(topic="journal", from_seq=1, to_seq=1, items=[change(1)], skipped=0))
        told = []
        feed.listen(lambda: told.append(1), INSTANCES)
        feed.forget()
        assert (dict(feed.rows(INSTANCES)), feed.tail(JOURNAL).total, feed.link.last_reading) == ({}, 0, None)
        assert feed.tail(JOURNAL).run == 1
        assert told == [1]
