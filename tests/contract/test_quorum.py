"""Queues of the quorum type: how often a message may come back, and what else they do differently."""

from collections.abc import Iterator
from typing import Any

import pytest
from pamqp import commands

from tests.helpers.amqp_wire import Properties, Wire, WireChannel, death_of

Queue = commands.Queue


@pytest.fixture
def quorum(wire: Wire, channel: WireChannel, name: str) -> Iterator[str]:
    """A name for one, which is deleted at the end."""
    yield name
    with_another = wire.channel(9)
    with_another.call(Queue.Delete(queue=name), Queue.DeleteOk)


def declare(channel: WireChannel, name: str, **arguments: Any) -> None:
    named = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    channel.declare(name, durable=True, arguments={"x-queue-type": "quorum", **named})


def test_order_acks_and_returns(channel: WireChannel, quorum: str) -> None:
    declare(channel, quorum)
    assert channel.put(quorum, b"0", b"1", b"2", delivery_mode=2) == [True] * 3
    first = channel.must_get(quorum, no_ack=False)
    channel.ack(first.tag)
    assert channel.drain(quorum) == [b"1", b"2"]


def test_it_tells_how_often_a_message_came_back(channel: WireChannel, quorum: str) -> None:
    declare(channel, quorum)
    channel.publish(quorum, b"x", properties=Properties(headers={"own": 1}))
    channel.confirmed(1)
    counts = []
    for _ in range(4):
        message = channel.must_get(quorum, no_ack=False)
        counts.append((message.headers.get("x-delivery-count"), message.redelivered, message.headers["own"]))
        channel.reject(message.tag)
    assert counts == [(0, False, 1), (1, True, 1), (2, True, 1), (3, True, 1)]


def test_beyond_its_limit_a_message_is_given_up(channel: WireChannel, quorum: str) -> None:
    dead = channel.declare(f"{quorum}-dead", exclusive=True)
    declare(channel, quorum, delivery_limit=2, dead_letter_exchange="", dead_letter_routing_key=dead)
    channel.put(quorum, b"x")
    for _ in range(3):
        channel.reject(channel.must_get(quorum, no_ack=False).tag)
    letter = channel.must_get(dead)
    assert death_of(letter) == [
        {"count": 1, "reason": "delivery_limit", "queue": quorum, "exchange": "", "routing-keys": [quorum]}
    ]
    assert channel.counts(quorum) == (0, 0)


def test_beyond_its_limit_without_a_dead_letter_exchange_it_is_dropped(
    channel: WireChannel, quorum: str
) -> None:
    declare(channel, quorum, delivery_limit=1)
    channel.put(quorum, b"x")
    for _ in range(2):
        channel.reject(channel.must_get(quorum, no_ack=False).tag)
    channel.pause(0.2)
    assert channel.get(quorum) is None


def test_a_limit_of_none_gives_up_at_the_first_return(channel: WireChannel, quorum: str) -> None:
    declare(channel, quorum, delivery_limit=0)
    channel.put(quorum, b"x")
    channel.reject(channel.must_get(quorum, no_ack=False).tag)
    channel.pause(0.2)
    assert channel.get(quorum) is None


def test_a_lost_channel_counts_as_a_return(wire: Wire, channel: WireChannel, quorum: str) -> None:
    declare(channel, quorum, delivery_limit=5)
    channel.put(quorum, b"x")
    other = wire.channel(2)
    other.must_get(quorum, no_ack=False)
    other.close()
    message = channel.must_get(quorum, no_ack=False)
    assert (message.headers["x-delivery-count"], message.redelivered) == (1, True)


def test_rejected_ones_are_dead_letters(channel: WireChannel, quorum: str) -> None:
    dead = channel.declare(f"{quorum}-dead", exclusive=True)
    declare(channel, quorum, dead_letter_exchange="", dead_letter_routing_key=dead)
    channel.put(quorum, b"x")
    channel.reject(channel.must_get(quorum, no_ack=False).tag, requeue=False)
    assert death_of(channel.must_get(dead))[0]["reason"] == "rejected"


def test_what_is_not_persistent_is_kept_all_the_same(channel: WireChannel, quorum: str) -> None:
    declare(channel, quorum)
    channel.put(quorum, b"x", delivery_mode=1)
    assert channel.must_get(quorum).body == b"x"


def test_it_does_not_make_dead_letters_of_what_it_refuses(channel: WireChannel, quorum: str) -> None:
    """It drops its head instead."""
    declare(channel, quorum, max_length=1, overflow="reject-publish-dlx")
    assert channel.put(quorum, *[b"%d" % number for number in range(5)]) == [True] * 5
    channel.pause(0.1)
    assert channel.drain(quorum) == [b"4"]


def test_a_full_one_may_refuse(channel: WireChannel, quorum: str) -> None:
    """RabbitMQ's learns of it some messages late, so it is asked until it refuses."""
    declare(channel, quorum, max_length=1, overflow="reject-publish")
    assert channel.put(quorum, b"0") == [True]
    assert False in [channel.put(quorum, b"x")[0] for _ in range(20)]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "invalid property 'non-durable' for queue '{}' in vhost '/'"),
        (
            {"durable": True, "auto_delete": True},
            "invalid property 'auto-delete' for queue '{}' in vhost '/'",
        ),
        (
            {"durable": True, "exclusive": True},
            "invalid property 'exclusive-owner' for queue '{}' in vhost '/'",
        ),
    ],
)
def test_it_must_be_durable_and_everybodys(
    channel: WireChannel, name: str, options: dict[str, bool], text: str
) -> None:
    channel.send(Queue.Declare(queue=name, arguments={"x-queue-type": "quorum"}, **options))
    closed = channel.refused()
    assert (closed.code, closed.text) == (406, "PRECONDITION_FAILED - " + text.format(name))


@pytest.mark.parametrize(
    ("kind", "argument", "text"),
    [
        (
            "quorum",
            {"x-max-priority": 5},
            "invalid arg 'x-max-priority' for queue '{}' in vhost '/' of queue type rabbit_quorum_queue",
        ),
        (
            "classic",
            {"x-delivery-limit": 5},
            "invalid arg 'x-delivery-limit' for queue '{}' in vhost '/' of queue type rabbit_classic_queue",
        ),
    ],
)
def test_arguments_of_the_other_type_are_refused(
    channel: WireChannel, name: str, kind: str, argument: dict[str, Any], text: str
) -> None:
    channel.send(Queue.Declare(queue=name, durable=True, arguments={"x-queue-type": kind, **argument}))
    closed = channel.refused()
    assert closed.text == "PRECONDITION_FAILED - " + text.format(name)
