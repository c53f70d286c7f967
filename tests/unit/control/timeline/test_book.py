"""The book hears what the control plane's parts tell, and fails nobody who tells it something."""

import logging

import pytest

from embedded_services.contracts.agent import Beat, CallStats
from embedded_services.contracts.instances import Latency
from embedded_services.contracts.timeline import TimelineEntry
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.control.timeline.book import TimelineBook
from tests.helpers.clock import FakeClock


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.changes = 0
        self.book = TimelineBook(self.clock, self._changed, lambda name: name.rpartition("-")[0] or None)

    def _changed(self) -> None:
        self.changes += 1

    def entries(self) -> list[TimelineEntry]:
        return self.book.log.newest_after(0, 1_000).items


def test_what_a_caller_saw_comes_of_what_was_done() -> None:
    world = World()
    world.book.action_taken("freeze", "payment-2", "payment", 1)
    stats = CallStats(incarnation=1, in_flight=0, requests=5, failures=3, latency_ms=Latency())
    world.book.beat("gateway", "", 1, Beat(calls={"payment-2": stats}))
    freeze, failed = world.entries()
    assert failed.causes == [freeze.id]
    assert world.changes == 2


def test_a_beat_without_news_tells_nothing() -> None:
    world = World()
    world.book.beat("gateway", "", 1, Beat(requests_seq=100))
    assert (world.entries(), world.changes) == ([], 0)


def test_what_cannot_be_read_fails_nobody_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> str | None:
        raise RuntimeError("a bug")

    clock = FakeClock()
    book = TimelineBook(clock, lambda: None, broken)
    stats = CallStats(incarnation=1, in_flight=0, requests=5, failures=3, latency_ms=Latency())
    with caplog.at_level(logging.CRITICAL):
        book.beat("gateway", "", 1, Beat(calls={"payment-2": stats}))
    [entry] = book.log.newest_after(0, 10).items
    assert entry.kind is Kind.MISSED
