import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_services.common.clock import SystemClock
from embedded_services.contracts.agent import Peer
from embedded_services.gateway.exchange import Exchange, Identity, Trace
from embedded_services.gateway.http import Headers, Request
from embedded_services.gateway.request_log import RequestLog
from embedded_services.gateway.telemetry import RECORDS_A_BEAT, Telemetry, loggable
from embedded_services.upstream.stats import CallBook


class Log(RequestLog):
    """Keeps its lines for the test to read."""

    def __init__(self) -> None:
        super().__init__(Path("unused"), SystemClock())
        self.lines: list[bytes] = []

    def add(self, line: bytes) -> None:
        self.lines.append(line)


def exchange(number: int = 1) -> Exchange:
    request = Request("GET", "/api/users/u1?a=1", "/api/users/u1", "a=1", Headers(()), "127.0.0.9")
    return Exchange(
        request,
        f"request-{number}",
        1000.5,
        0.0,
        Trace("a" * 32, "b" * 16),
        identity=Identity.of("u1", ""),
        tries=1,
    )


def test_a_request_is_told_once_with_all_that_is_known_of_it() -> None:
    log, book = Log(), CallBook()
    telemetry = Telemetry(book, log)
    telemetry.begin()
    assert telemetry.in_flight == 1
    telemetry.end(exchange(), 200, 0.0123456, "")
    beat = telemetry.beat(0)
    assert beat is not None
    (record,) = beat.requests
    assert (record.id, record.status, record.took_ms, record.user) == ("request-1", 200, 12.346, "u1")
    assert (record.path, record.client, record.trace, record.at) == (
        "/api/users/u1?a=1",
        "127.0.0.9",
        "a" * 32,
        1000.5,
    )
    assert telemetry.in_flight == 0
    assert telemetry.beat(0) is None
    assert json.loads(log.lines[0])["tookMs"] == 12.346


def test_what_a_beat_cannot_hold_is_counted() -> None:
    telemetry = Telemetry(CallBook(), Log())
    for number in range(3 * RECORDS_A_BEAT):
        telemetry.begin()
        telemetry.end(exchange(number), 200, 0.001, "")
    beat = telemetry.beat(0)
    assert beat is not None
    assert [record.id for record in beat.requests] == [
        f"request-{number}" for number in range(2 * RECORDS_A_BEAT, 3 * RECORDS_A_BEAT)
    ]
    assert beat.requests_seq == 3 * RECORDS_A_BEAT


def test_a_beat_also_tells_what_changed_of_the_calls() -> None:
    book = CallBook()
    telemetry = Telemetry(book, Log())
    book.of(Peer(id="user-1", incarnation=1, host="127.0.0.1", port=1, weight=1)).begin()
    beat = telemetry.beat(0)
    assert beat is not None
    assert beat.calls["user-1"].in_flight == 1
    assert telemetry.beat(0) is None


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "/x"),
        ("limit=5&cursor=abc", "/x?limit=5&cursor=abc"),
        ("token=s3cret", "/x?token=…"),
        ("a=1&access_token=s3cret&b=2", "/x?a=1&access_token=…&b=2"),
        ("Password=s3cret", "/x?Password=…"),
        ("apiKey=s3cret&api-key=s3cret&client_secret=s3cret", "/x?apiKey=…&api-key=…&client_secret=…"),
    ],
)
def test_secrets_are_not_told(query: str, shown: str) -> None:
    assert loggable("/x", query) == shown


any_text = st.text(st.characters(exclude_categories=()), max_size=2000)


@given(any_text, any_text)
def test_what_is_told_of_a_path_is_bounded_and_can_be_written(path: str, query: str) -> None:
    shown = loggable(path, query)
    assert len(shown) <= 710
    shown.encode()
