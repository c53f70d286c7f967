import itertools
import json

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.contracts.agent import Beat, Peer
from embedded_services.contracts.gateway import Attempt, Candidate, DecisionKind
from embedded_services.gateway.story import Calling
from embedded_services.gateway.telemetry import (
    FAILED_PER_S,
    PLAIN_PER_S,
    RECORDS_A_BEAT,
    TOTALS_EVERY_S,
    Telemetry,
)
from embedded_services.upstream.client import UpstreamClient
from tests.helpers.child import demo_settings
from tests.helpers.exchanges import LineLog, exchange, telemetry

TRY = Attempt(
    instance="user-1",
    reason="turn",
    why="it was next",
    outcome="200",
    at_ms=1.0,
    took_ms=2.0,
    candidates=[Candidate(id="user-1", in_flight=0)],
)


def beat_of(told: Telemetry, now: float) -> Beat:
    beat = told.beat(now)
    assert beat is not None
    return beat


def ask(told: Telemetry, number: int, *, at: float = 0.0, status: int = 200, tries: int = 1) -> None:
    asked = exchange(number, started=at)
    asked.tries = tries
    told.begin()
    told.end(asked, status, 0.001, "")


def test_a_request_is_told_once_with_all_that_is_known_of_it() -> None:
    log = LineLog()
    told = telemetry(log=log)
    told.begin()
    assert told.in_flight == 1
    told.end(exchange(), 200, 0.0123456, "")
    (record,) = beat_of(told, 0).requests
    assert (record.id, record.status, record.took_ms, record.user) == ("request-1", 200, 12.346, "u1")
    assert (record.path, record.client, record.trace, record.at) == (
        "/api/users/u1?a=1",
        "127.0.0.9",
        "a" * 32,
        1000.5,
    )
    assert (record.sampled, record.attempts) == (False, [])
    assert told.in_flight == 0
    assert told.beat(0.1) is None
    assert json.loads(log.lines[0])["tookMs"] == 12.346


def test_what_a_beat_cannot_hold_is_counted() -> None:
    told = telemetry()
    for number in range(3 * RECORDS_A_BEAT):
        ask(told, number, at=number)
    beat = beat_of(told, 0)
    assert [record.id for record in beat.requests] == [
        f"request-{number}" for number in range(2 * RECORDS_A_BEAT, 3 * RECORDS_A_BEAT)
    ]
    assert beat.requests_seq == 3 * RECORDS_A_BEAT


def test_of_the_requests_that_went_well_only_some_are_written_down_and_all_are_counted() -> None:
    log = LineLog()
    told = telemetry(log=log)
    for number in range(5_000):
        ask(told, number)
    beat = beat_of(told, 1)
    assert PLAIN_PER_S <= len(log.lines) <= PLAIN_PER_S + 1
    assert beat.requests_seq == 5_000
    assert beat.gateway is not None
    assert beat.gateway.requests == 5_000
    assert log.passed_over + len(log.lines) == 5_000


@pytest.mark.parametrize(("status", "tries"), [(503, 1), (200, 2)])
def test_what_failed_or_was_tried_again_is_written_down_however_much_else_there_is(
    status: int, tries: int
) -> None:
    log = LineLog()
    told = telemetry(log=log)
    for number in range(1_000):
        ask(told, number)
    before = len(log.lines)
    ask(told, 5_000, status=status, tries=tries)
    assert len(log.lines) == before + 1
    for number in range(2 * FAILED_PER_S):
        ask(told, number, status=status, tries=tries)
    assert len(log.lines) <= before + FAILED_PER_S + 1


def test_so_many_a_second_are_sampled_and_the_rate_can_change() -> None:
    told = telemetry(traces_per_s=10)
    at_once = sum(told.sample("/api/users", 50.0) is not None for _ in range(100))
    a_little_later = told.sample("/api/users", 50.05) is not None
    assert 10 <= at_once <= at_once + a_little_later <= 11
    assert told.sample("/api/users", 50.15) is not None
    assert told.sample("/health", 60.0) is None


def test_a_sampled_request_is_told_with_its_spans_picks_and_tries() -> None:
    told = telemetry()
    story = told.sample("/api/users", 5.0)
    assert story is not None
    asked = exchange(started=5.0, story=story)
    with story.step("token"):
        pass
    failed = Attempt(
        instance="user-2",
        reason="turn",
        why="",
        outcome="broke off",
        at_ms=0.5,
        took_ms=0.4,
    )
    again = Attempt(
        instance="user-1",
        reason="retry",
        why="",
        outcome="200",
        at_ms=21.0,
        took_ms=2.0,
        waited_ms=20.0,
    )
    asked.calls = (Calling("user", 5.001, (failed, again)),)
    told.begin()
    told.end(asked, 200, 0.03, "")
    beat = beat_of(told, 6)
    root, *others = beat.spans
    assert (root.span, root.parent, root.process, root.name) == (
        "b" * 16,
        "c" * 16,
        "gateway",
        "GET /api/users",
    )
    assert (root.took_ms, root.ok, root.attributes["status"]) == (30.0, True, "200")
    assert [span.name for span in others] == ["token", "try 1 user-2", "wait for try 2", "try 2 user-1"]
    assert all(span.parent == root.span and span.trace == "a" * 32 for span in others)
    assert [span.ok for span in others] == [True, False, True, True]
    waited, last = others[2], others[3]
    assert waited.at + waited.took_ms / 1000 == pytest.approx(last.at)
    assert last.at == pytest.approx(root.at + 0.022)
    assert [(pick.attempt, pick.chosen.instance, pick.service) for pick in beat.picks] == [
        (1, "user-2", "user"),
        (2, "user-1", "user"),
    ]
    assert (beat.picks[0].request, beat.picks[0].trace, beat.picks_seq) == ("request-1", "a" * 32, 2)
    assert (beat.requests[0].sampled, len(beat.requests[0].attempts)) == (True, 2)
    assert beat.gateway is not None
    assert beat.gateway.sampled == 1


def test_a_request_that_is_not_sampled_has_no_spans_and_no_picks() -> None:
    told = telemetry(traces_per_s=0)
    assert told.sample("/api/users", 5.0) is None
    asked = exchange()
    asked.tries, asked.calls = 2, (Calling("user", 0.0, (TRY, TRY)),)
    told.begin()
    told.end(asked, 200, 0.1, "")
    beat = beat_of(told, 1)
    assert (beat.spans, beat.picks) == ([], [])
    assert len(beat.requests[0].attempts) == 2


def test_totals_tell_rates_and_latencies_of_the_last_ten_seconds_by_route() -> None:
    told = telemetry()
    told.beat(99.0)
    for number in range(30):
        told.begin()
        told.end(exchange(number, started=99.5), 200 if number < 20 else 503, 0.01, "")
    told.begin()
    told.end(exchange(31, route=None, instance=None, started=99.5), 404, 0.002, "")
    totals = beat_of(told, 100.1).gateway
    assert totals is not None
    assert (totals.requests, totals.rate, totals.in_flight) == (31, 3.1, 0)
    assert totals.error_rate == pytest.approx(10 / 31)
    routes = {route.prefix: route for route in totals.routes}
    assert (routes["/api/users"].requests, routes["/api/users"].rate) == (30, 3.0)
    assert routes["/api/users"].statuses == {"2xx": 20, "5xx": 10}
    assert routes["/api/users"].latency_ms.p50 == pytest.approx(10, rel=0.01)
    assert routes["none"].statuses == {"4xx": 1}
    assert (routes["/api/orders"].requests, routes["/api/orders"].service) == (0, "order")
    faded = beat_of(told, 111.0).gateway
    assert faded is not None
    assert (faded.requests, faded.rate, faded.latency_ms.p50) == (31, 0.0, None)


def test_nothing_is_told_while_nothing_happens_but_probes() -> None:
    told = telemetry()
    told.beat(0)
    for second in range(1, 30):
        told.begin()
        told.end(exchange(route="/health", instance=None, started=second), 200, 0.001, "")
        assert told.beat(second) is None
    told.tell_again()
    assert told.beat(30) is not None


def test_totals_come_twice_a_second_at_most() -> None:
    told = telemetry()
    told.beat(0)
    told_at = []
    for quarter in range(1, 41):
        ask(told, quarter, at=quarter / 4)
        if beat_of(told, quarter / 4).gateway is not None:
            told_at.append(quarter / 4)
    assert all(after - before >= TOTALS_EVERY_S for before, after in itertools.pairwise(told_at))
    assert len(told_at) >= 15


def test_a_beat_also_tells_what_changed_of_the_calls_and_the_services() -> None:
    upstream = UpstreamClient(demo_settings(), SystemClock())
    told = telemetry(upstream=upstream)
    assert {row.service for row in beat_of(told, 0).upstreams} == set(demo_settings().services)
    assert told.beat(0.1) is None
    upstream.book.of(Peer(id="user-1", incarnation=1, host="127.0.0.1", port=1, weight=1)).begin()
    beat = beat_of(told, 0.2)
    assert beat.calls["user-1"].in_flight == 1
    assert beat.upstreams == []
    assert told.beat(0.3) is None
    told.tell_again()
    assert len(beat_of(told, 0.4).upstreams) == len(demo_settings().services)


def test_a_decision_is_told_once() -> None:
    upstream = UpstreamClient(demo_settings(), SystemClock())
    told = telemetry(upstream=upstream)
    told.beat(0)
    upstream.decisions.tell(DecisionKind.BREAKER_OPENED, "user", "user-1", "5 of 10 failed")
    beat = beat_of(told, 0.1)
    assert [(turn.kind, turn.why) for turn in beat.decisions] == [("breaker-opened", "5 of 10 failed")]
    assert beat.decisions_seq == 1
    assert told.beat(0.2) is None
