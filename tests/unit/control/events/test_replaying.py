import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic

from embedded_services.bus import names
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.queues import ReplayOptions
from embedded_services.control.events.replaying import REPLAYED_FROM, REPLAYS, Copy, replayed

QUEUE = "order.events.dead"
BODY = (
    b'{"type":"order.created","data":{"price":12.10,"big":12345678901234567890},"source":"order",'
    b'"timestamp":"2026-01-01T00:00:00Z","messageId":"m1","version":"1.0"}'
)
HEADERS: dict[str, Any] = {
    names.TRACEPARENT: "00-a-b-01",
    names.ATTEMPTS: 5,
    names.FAILURES: "[]",
    names.REASON: "no stock",
    names.FIRST_EXCHANGE: "events",
    names.FIRST_KEY: "order.created",
    "x-death": [{"count": 1}],
    "x-first-death-queue": "q",
    "own": "kept",
}


def again(
    body: bytes = BODY, headers: dict[str, Any] | None = None, message_id: str = "m1", **options: Any
) -> Copy:
    properties = Basic.Properties(
        headers=HEADERS if headers is None else headers,
        content_type="application/json",
        message_id=message_id,
    )
    return replayed(QUEUE, body, properties, message_id, ReplayOptions(**options))


def test_by_default_it_goes_to_the_queue_that_failed_as_the_message_that_it_was() -> None:
    copy = again()
    assert (copy.exchange, copy.routing_key) == ("", "order.events")
    assert (copy.message_id, copy.properties.message_id, copy.body) == ("m1", "m1", BODY)


def test_it_goes_where_it_was_published_with_its_trace_and_without_its_failures() -> None:
    copy = again(to="exchange")
    assert (copy.exchange, copy.routing_key) == ("events", "order.created")
    assert copy.properties.headers == {
        names.TRACEPARENT: "00-a-b-01",
        "own": "kept",
        REPLAYS: 1,
        REPLAYED_FROM: QUEUE,
    }
    assert (copy.properties.delivery_mode, copy.properties.content_type) == (2, "application/json")


def test_nothing_but_the_id_of_the_body_changes_not_even_how_a_number_is_written() -> None:
    assert again(keep_id=False).body == BODY.replace(b'"m1"', b'"m1.r1"')


def test_the_same_replay_has_the_same_id_and_the_next_one_another() -> None:
    first = again(keep_id=False)
    assert first.message_id == again(keep_id=False, to="exchange").message_id == "m1.r1"
    second = again(headers={**HEADERS, REPLAYS: 1}, message_id="m1.r1", keep_id=False)
    assert second.message_id == second.properties.message_id == "m1.r2"


def test_an_edited_one_is_not_taken_for_the_one_that_was_not() -> None:
    edited = again(type="order.changed", keep_id=False, to="exchange")
    assert edited.message_id.startswith("m1.r1-")
    assert edited.routing_key == "order.changed"
    assert json.loads(edited.body)["type"] == "order.changed"
    other = again(headers={**HEADERS, REPLAYS: 1}, message_id=edited.message_id, keep_id=False)
    assert other.message_id == "m1.r2"


def test_it_goes_to_the_one_queue_when_asked_or_when_it_was_sent_there() -> None:
    assert (again(to="queue").exchange, again(to="queue").routing_key) == ("", "order.events")
    sent = {**HEADERS, names.FIRST_EXCHANGE: "", names.FIRST_KEY: "order.events"}
    for headers in (sent, {}):
        copy = again(headers=headers, to="exchange")
        assert (copy.exchange, copy.routing_key) == ("", "order.events")


def test_a_body_that_replaces_it_must_be_an_event_and_decides_the_key() -> None:
    with pytest.raises(ApiError, match="body"):
        replayed(QUEUE, BODY, Basic.Properties(headers=HEADERS), "m1", ReplayOptions(body='{"type":"a.b"'))
    body = BODY.decode().replace("order.created", "order.paid")
    options = ReplayOptions(body=body, to="exchange")
    copy = replayed(QUEUE, BODY, Basic.Properties(headers=HEADERS), "m1", options)
    assert copy.routing_key == "order.paid"


def test_a_body_that_replaces_it_has_the_id_under_which_it_goes() -> None:
    body = BODY.decode().replace('"m1"', '"somebody else\'s"')
    for keep_id, expected in ((True, "m1"), (False, "m1.r1-")):
        options = ReplayOptions(body=body, keep_id=keep_id)
        copy = replayed(QUEUE, BODY, Basic.Properties(headers=HEADERS), "m1", options)
        assert json.loads(copy.body)["messageId"] == copy.message_id
        assert copy.message_id.startswith(expected)


def test_what_is_no_event_is_sent_as_it_is() -> None:
    assert again(body=b"\xff\x00").body == b"\xff\x00"
    with pytest.raises(ApiError, match="no event"):
        again(body=b"[1]", type="a.b")


@given(
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from([*HEADERS, REPLAYS]),
        st.one_of(st.none(), st.integers(), st.binary(max_size=5), st.text()),
    ),
    st.text(max_size=120),
)
def test_whatever_lies_there_can_be_sent_again(body: bytes, headers: dict[str, Any], message_id: str) -> None:
    copy = again(body=body, headers=headers, message_id=message_id)
    assert len(copy.message_id) < 100
    assert names.FAILURES not in (copy.properties.headers or {})
