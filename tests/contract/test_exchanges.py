"""Exchanges: their kinds, how they are declared, bound and deleted, and where a message goes."""

from typing import Any

import pytest
from pamqp import commands

from tests.helpers.amqp_wire import Properties, Wire, WireChannel

Exchange = commands.Exchange


def routed(channel: WireChannel, exchange: str, key: str, *queues: str, **headers: Any) -> set[str]:
    """Which of the queues a message reaches, each at most once."""
    channel.publish(key, b"m", exchange, Properties(headers=headers or None))
    channel.confirmed(1)
    got = {queue: channel.drain(queue) for queue in queues}
    assert all(len(bodies) <= 1 for bodies in got.values()), got
    return {queue for queue, bodies in got.items() if bodies}


def queues(channel: WireChannel, count: int) -> list[str]:
    return [channel.declare(exclusive=True) for _ in range(count)]


def refused(channel: WireChannel, method: Any) -> tuple[int, str, bool]:
    channel.send(method)
    closed = channel.refused()
    return closed.code, closed.text, closed.connection


def test_direct(channel: WireChannel, name: str) -> None:
    one, two = queues(channel, 2)
    channel.exchange(name, "direct")
    channel.bind(one, name, "a")
    channel.bind(two, name, "a")
    channel.bind(two, name, "b")
    assert routed(channel, name, "a", one, two) == {one, two}
    assert routed(channel, name, "b", one, two) == {two}
    assert routed(channel, name, "c", one, two) == set()


def test_fanout_ignores_the_key(channel: WireChannel, name: str) -> None:
    one, two = queues(channel, 2)
    channel.exchange(name, "fanout")
    channel.bind(one, name, "x")
    channel.bind(two, name)
    channel.bind(two, name, "again")
    assert routed(channel, name, "whatever", one, two) == {one, two}
    channel.call(commands.Queue.Unbind(queue=two, exchange=name, routing_key=""), commands.Queue.UnbindOk)
    assert routed(channel, name, "whatever", one, two) == {one, two}


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("order.*", ["order.created", "order."], ["order", "order.a.b", "orders.created"]),
        ("order.#", ["order", "order.a", "order.a.b"], ["orders", "x.order"]),
        ("#", ["", "a", "a.b.c", ".", ".."], []),
        ("*", ["a"], ["a.b", ".", ""]),
        ("#.b", ["b", "a.b", "a.a.b", "b.b"], ["b.a", "bb", ""]),
        ("*.#", ["a", "a.b"], []),
        ("a.#.z", ["a.z", "a.b.z", "a.b.c.z", "a.a.z.z"], ["a", "z", "a.b"]),
        ("#.#", ["", "a", "a.b"], []),
        ("a.*.*", ["a.b.c", "a.."], ["a.b", "a.b.c.d"]),
        ("", [""], ["a"]),
        ("a*", ["a*"], ["ab", "a"]),
        ("a.#b", ["a.#b"], ["a.b"]),
    ],
)
def test_topic(channel: WireChannel, name: str, pattern: str, matching: list[str], other: list[str]) -> None:
    (queue,) = queues(channel, 1)
    channel.exchange(name, "topic")
    channel.bind(queue, name, pattern)
    if pattern == "":  # as the name of the queue, when none is given with the binding
        channel.bind(queue, name, "")
    for key in matching:
        assert routed(channel, name, key, queue) == {queue}, key
    for key in other:
        assert routed(channel, name, key, queue) == set(), key


def test_topic_with_several_bindings_delivers_once(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    channel.exchange(name, "topic")
    for pattern in ("a.*", "a.#", "#", "a.b"):
        channel.bind(queue, name, pattern)
    assert routed(channel, name, "a.b", queue) == {queue}
    channel.call(commands.Queue.Unbind(queue=queue, exchange=name, routing_key="#"), commands.Queue.UnbindOk)
    assert routed(channel, name, "b.a", queue) == set()
    assert routed(channel, name, "a.b", queue) == {queue}


@pytest.mark.parametrize(
    ("wanted", "headers", "matches"),
    [
        ({"x-match": "all", "a": 1, "b": "x"}, {"a": 1, "b": "x", "c": 3}, True),
        ({"x-match": "all", "a": 1, "b": "x"}, {"a": 1}, False),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, False),
        ({"x-match": "any", "a": 1, "b": "x"}, {"a": 1}, True),
        ({"x-match": "any", "a": 1, "b": "x"}, {"a": 2, "b": "y"}, False),
        ({"x-match": "all"}, {}, True),
        ({"x-match": "any"}, {"a": 1}, False),
        ({}, {"a": 1}, True),
        ({"a": None}, {"a": "whatever"}, True),
        ({"a": None}, {}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"x-match": "all", "x-a": 1}, {}, True),
        ({"x-match": "all-with-x", "x-a": 1}, {}, False),
        ({"x-match": "all-with-x", "x-a": 1}, {"x-a": 1}, True),
        ({"x-match": "any", "x-a": 1, "b": 1}, {"x-a": 1}, False),
        ({"x-match": "any-with-x", "x-a": 1, "b": 1}, {"x-a": 1}, True),
    ],
)
def test_headers(
    channel: WireChannel, name: str, wanted: dict[str, Any], headers: dict[str, Any], matches: bool
) -> None:
    (queue,) = queues(channel, 1)
    channel.exchange(name, "headers")
    channel.bind(queue, name, "", wanted)
    assert routed(channel, name, "", queue, **headers) == ({queue} if matches else set())


def test_headers_binding_with_a_nonsensical_match_is_refused(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    channel.exchange(name, "headers")
    bind = commands.Queue.Bind(queue=queue, exchange=name, arguments={"x-match": "some"})
    code, text, _ = refused(channel, bind)
    assert code == 406
    assert text.startswith("PRECONDITION_FAILED - Invalid x-match field value")


def test_default_exchange_reaches_each_queue_by_its_name(channel: WireChannel) -> None:
    one, two = queues(channel, 2)
    assert routed(channel, "", one, one, two) == {one}


def test_predeclared_exchanges(channel: WireChannel) -> None:
    for exchange, kind in (
        ("amq.direct", "direct"),
        ("amq.fanout", "fanout"),
        ("amq.topic", "topic"),
        ("amq.headers", "headers"),
        ("amq.match", "headers"),
    ):
        channel.exchange(exchange, kind, durable=True)
        channel.exchange(exchange, passive=True)


@pytest.mark.parametrize(
    ("method", "code", "text"),
    [
        (
            Exchange.Declare(exchange="", exchange_type="direct", durable=True),
            403,
            "ACCESS_REFUSED - operation not permitted on the default exchange",
        ),
        (
            Exchange.Declare(exchange="amq.mine"),
            403,
            "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
        ),
        (
            Exchange.Declare(exchange="t-absent", passive=True),
            404,
            "NOT_FOUND - no exchange 't-absent' in vhost '/'",
        ),
        (
            Exchange.Delete(exchange=""),
            403,
            "ACCESS_REFUSED - operation not permitted on the default exchange",
        ),
        (
            Exchange.Delete(exchange="amq.direct"),
            403,
            "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        ),
        (
            Exchange.Bind(destination="t-absent", source="amq.direct"),
            404,
            "NOT_FOUND - no exchange 't-absent' in vhost '/'",
        ),
        (
            Exchange.Bind(destination="amq.direct", source="t-absent"),
            404,
            "NOT_FOUND - no exchange 't-absent' in vhost '/'",
        ),
        (
            Exchange.Bind(destination="amq.direct", source=""),
            403,
            "ACCESS_REFUSED - operation not permitted on the default exchange",
        ),
        (
            commands.Queue.Bind(queue="t-absent", exchange="amq.direct"),
            404,
            "NOT_FOUND - no queue 't-absent' in vhost '/'",
        ),
        (
            Exchange.Declare(exchange="amq.direct", exchange_type="fanout", durable=True),
            406,
            "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': "
            "received 'fanout' but current is 'direct'",
        ),
        (
            Exchange.Declare(exchange="amq.direct", exchange_type="direct"),
            406,
            "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'amq.direct' in vhost '/': "
            "received 'false' but current is 'true'",
        ),
        (
            Exchange.Declare(exchange="amq.direct", exchange_type="direct", durable=True, auto_delete=True),
            406,
            "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange 'amq.direct' in vhost '/': "
            "received 'true' but current is 'false'",
        ),
        (
            Exchange.Declare(exchange="amq.direct", exchange_type="direct", durable=True, internal=True),
            406,
            "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'amq.direct' in vhost '/': "
            "received 'true' but current is 'false'",
        ),
    ],
)
def test_refusals(channel: WireChannel, method: Any, code: int, text: str) -> None:
    assert refused(channel, method) == (code, text, False)


def test_binding_a_queue_to_the_default_exchange_is_refused(channel: WireChannel) -> None:
    (queue,) = queues(channel, 1)
    code, text, _ = refused(channel, commands.Queue.Bind(queue=queue, exchange="", routing_key="x"))
    assert (code, text) == (403, "ACCESS_REFUSED - operation not permitted on the default exchange")


def test_an_unknown_type_closes_the_connection(channel: WireChannel, name: str) -> None:
    method = Exchange.Declare(exchange=name, exchange_type="x-nothing")
    assert refused(channel, method) == (503, "COMMAND_INVALID - unknown exchange type 'x-nothing'", True)


def test_publishing_to_an_exchange_that_is_not_there_closes_the_channel(
    channel: WireChannel, name: str
) -> None:
    channel.publish("k", b"", name)
    closed = channel.refused()
    assert (closed.code, closed.text) == (404, f"NOT_FOUND - no exchange '{name}' in vhost '/'")


def test_nobody_may_publish_to_an_internal_exchange(channel: WireChannel, name: str) -> None:
    channel.exchange(name, "fanout", internal=True, auto_delete=True)
    channel.publish("k", b"", name)
    closed = channel.refused()
    assert (closed.code, closed.text) == (
        403,
        f"ACCESS_REFUSED - cannot publish to internal exchange '{name}' in vhost '/'",
    )


def test_exchanges_may_be_bound_to_each_other(channel: WireChannel, name: str) -> None:
    one, two = queues(channel, 2)
    front, inner = channel.exchange(name, "topic"), channel.exchange(f"{name}-i", "direct", internal=True)
    channel.bind_exchange(inner, front, "a.#")
    channel.bind(one, inner, "a.x")
    channel.bind(two, front, "a.*")
    assert routed(channel, front, "a.x", one, two) == {one, two}
    assert routed(channel, front, "a.y", one, two) == {two}
    channel.call(Exchange.Unbind(destination=inner, source=front, routing_key="a.#"), Exchange.UnbindOk)
    assert routed(channel, front, "a.x", one, two) == {two}
    for exchange in (front, inner):
        channel.call(Exchange.Delete(exchange=exchange), Exchange.DeleteOk)


def test_a_circle_of_exchanges_delivers_once(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    one, two = channel.exchange(f"{name}-1", "fanout"), channel.exchange(f"{name}-2", "fanout")
    channel.bind_exchange(two, one)
    channel.bind_exchange(one, two)
    channel.bind(queue, one)
    channel.bind(queue, two)
    assert routed(channel, one, "", queue) == {queue}


def test_alternate_exchange_takes_what_matches_nothing(channel: WireChannel, name: str) -> None:
    matched, unmatched = queues(channel, 2)
    other = channel.exchange(f"{name}-ae", "fanout")
    channel.exchange(name, "direct", arguments={"alternate-exchange": other})
    channel.bind(matched, name, "a")
    channel.bind(unmatched, other)
    assert routed(channel, name, "a", matched, unmatched) == {matched}
    assert routed(channel, name, "b", matched, unmatched) == {unmatched}


def test_alternates_may_follow_each_other_and_go_in_circles(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    channel.exchange(f"{name}-1", "direct", arguments={"alternate-exchange": f"{name}-2"})
    channel.exchange(f"{name}-2", "direct", arguments={"alternate-exchange": f"{name}-1"})
    channel.bind(queue, f"{name}-2", "b")
    assert routed(channel, f"{name}-1", "b", queue) == {queue}
    assert routed(channel, f"{name}-1", "c", queue) == set()


def test_mandatory_counts_the_alternate_exchange(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    other = channel.exchange(f"{name}-ae", "fanout")
    channel.exchange(name, "direct", arguments={"alternate-exchange": other})
    channel.publish("k", b"m", name, mandatory=True)
    channel.confirmed(1)
    assert channel.returned().method.reply_code == 312
    channel.bind(queue, other)
    channel.publish("k", b"m", name, mandatory=True)
    channel.confirmed(1)
    assert not channel.returns


def test_another_alternate_is_another_exchange(channel: WireChannel, name: str) -> None:
    channel.exchange(name, "direct", arguments={"alternate-exchange": "one"})
    code, text, _ = refused(
        channel,
        Exchange.Declare(exchange=name, exchange_type="direct", arguments={"alternate-exchange": "two"}),
    )
    assert (code, text) == (
        406,
        f"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{name}' in vhost '/': "
        "received 'two' but current is 'one'",
    )


def test_an_alternate_that_is_no_text_is_refused(channel: WireChannel, name: str) -> None:
    code, text, _ = refused(channel, Exchange.Declare(exchange=name, arguments={"alternate-exchange": True}))
    assert (code, text) == (
        406,
        "PRECONDITION_FAILED - invalid type 'bool' for arg 'alternate-exchange' in "
        f"exchange '{name}' in vhost '/'",
    )


def test_an_alternate_is_not_compared_with_none(channel: WireChannel, name: str) -> None:
    channel.exchange(name, "direct")
    code, text, _ = refused(
        channel,
        Exchange.Declare(exchange=name, exchange_type="direct", arguments={"alternate-exchange": "two"}),
    )
    assert (code, text) == (
        406,
        f"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{name}' in vhost '/': "
        "received the value 'two' of type 'longstr' but current is none",
    )


def test_auto_delete_goes_with_the_last_binding(channel: WireChannel, wire: Wire, name: str) -> None:
    one, two = queues(channel, 2)
    channel.exchange(name, "fanout", auto_delete=True)
    channel.exchange(name, passive=True)
    channel.bind(one, name)
    channel.bind(two, name)
    channel.call(commands.Queue.Unbind(queue=one, exchange=name), commands.Queue.UnbindOk)
    channel.exchange(name, passive=True)
    channel.call(commands.Queue.Delete(queue=two), commands.Queue.DeleteOk)
    assert refused(channel, Exchange.Declare(exchange=name, passive=True))[0] == 404


def test_if_unused_keeps_one_that_is_bound(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    channel.exchange(name, "fanout")
    channel.bind(queue, name)
    assert refused(channel, Exchange.Delete(exchange=name, if_unused=True)) == (
        406,
        f"PRECONDITION_FAILED - exchange '{name}' in vhost '/' in use",
        False,
    )


def test_deleting_and_unbinding_what_is_not_there_is_fine(channel: WireChannel, name: str) -> None:
    (queue,) = queues(channel, 1)
    channel.call(Exchange.Delete(exchange=name), Exchange.DeleteOk)
    channel.exchange(name)
    channel.call(
        commands.Queue.Unbind(queue=queue, exchange=name, routing_key="never"), commands.Queue.UnbindOk
    )


@pytest.mark.parametrize("absent", ["queue", "exchange"])
def test_unbinding_what_has_no_ends(channel: WireChannel, name: str, absent: str) -> None:
    (queue,) = queues(channel, 1)
    if absent == "queue":
        channel.exchange(name)
        method = commands.Queue.Unbind(queue=f"{name}-q", exchange=name, routing_key="k")
    else:
        method = commands.Queue.Unbind(queue=queue, exchange=name, routing_key="k")
    channel.call(method, commands.Queue.UnbindOk)


def test_nowait_is_not_answered(channel: WireChannel, wire: Wire, name: str) -> None:
    (queue,) = queues(channel, 1)
    channel.send(
        Exchange.Declare(exchange=name, exchange_type="fanout", nowait=True),
        commands.Queue.Bind(queue=queue, exchange=name, nowait=True),
    )
    wire.quiet()
    assert routed(channel, name, "", queue) == {queue}
    channel.send(Exchange.Delete(exchange=name, nowait=True))
    wire.quiet()
    assert refused(channel, Exchange.Declare(exchange=name, passive=True))[0] == 404
