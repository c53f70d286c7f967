"""How long and how many: times to live, lengths, priorities of messages."""

import pytest
from pamqp import commands

from tests.helpers.amqp_wire import WireChannel


def test_a_queues_time_to_live(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-message-ttl": 150})
    channel.put(name, b"1", b"2")
    assert channel.counts(name) == (2, 0)
    channel.pause(0.4)
    assert channel.counts(name) == (0, 0)


def test_a_time_to_live_of_nothing_serves_who_waits(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-message-ttl": 0})
    channel.put(name, b"lost")
    channel.pause(0.05)
    assert channel.get(name) is None
    channel.consume(name, no_ack=True)
    channel.put(name, b"x")
    assert channel.next().body == b"x"


def test_a_messages_own_time_to_live(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, b"1", expiration="100")
    channel.put(name, b"2")
    channel.pause(0.3)
    assert channel.drain(name) == [b"2"]


def test_the_shorter_time_counts(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-message-ttl": 60_000})
    channel.put(name, b"1", expiration="50")
    channel.pause(0.3)
    assert channel.get(name) is None
    assert channel.counts(name) == (0, 0)


def test_messages_expire_at_the_head_only(channel: WireChannel, name: str) -> None:
    """One that lives longer keeps those behind it; they go when it goes."""
    channel.declare(name, exclusive=True)
    channel.put(name, b"long")
    channel.put(name, b"short", expiration="50")
    channel.pause(0.3)
    assert channel.counts(name) == (2, 0)
    assert channel.must_get(name).body == b"long"
    assert channel.get(name) is None


def test_what_comes_back_may_be_too_old(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-message-ttl": 150})
    channel.put(name, b"x")
    message = channel.must_get(name, no_ack=False)
    channel.pause(0.3)
    channel.reject(message.tag)
    channel.pause(0.1)
    assert channel.get(name) is None


def test_max_length_drops_the_oldest(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-length": 3})
    assert channel.put(name, *(b"%d" % number for number in range(10))) == [True] * 10
    assert channel.drain(name) == [b"7", b"8", b"9"]


def test_max_length_counts_what_is_ready(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-length": 2})
    channel.put(name, b"0")
    channel.must_get(name, no_ack=False)
    channel.put(name, b"1", b"2")
    assert channel.counts(name) == (2, 0)


def test_max_bytes_drops_the_oldest(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-length-bytes": 10})
    channel.put(name, b"aaaa", b"bbbb", b"cccc")
    assert channel.drain(name) == [b"bbbb", b"cccc"]


def test_nothing_fits_into_no_length(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-length": 0})
    assert channel.put(name, b"x") == [True]
    assert channel.counts(name) == (0, 0)
    channel.consume(name, no_ack=True)
    channel.put(name, b"y")
    assert channel.next().body == b"y"


def test_a_full_queue_may_refuse_what_is_new(channel: WireChannel, name: str) -> None:
    arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
    channel.declare(name, exclusive=True, arguments=arguments)
    assert [channel.put(name, body) for body in (b"0", b"1", b"2")] == [[True], [True], [False]]
    assert channel.must_get(name).body == b"0"
    assert channel.put(name, b"3") == [True]
    assert channel.drain(name) == [b"1", b"3"]


def test_one_that_refuses_among_several_is_a_nack(channel: WireChannel, name: str) -> None:
    arguments = {"x-max-length": 0, "x-overflow": "reject-publish"}
    channel.declare(name, exclusive=True, arguments=arguments)
    channel.declare(f"{name}-2", exclusive=True)
    for queue in (name, f"{name}-2"):
        channel.bind(queue, "amq.topic", name)
    channel.put(name, b"first", exchange="amq.topic")
    assert channel.put(name, b"x", exchange="amq.topic") == [False]
    assert b"x" in channel.drain(f"{name}-2")


def test_higher_priorities_come_first(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-priority": 5})
    for body, priority in ((b"a0", None), (b"b1", 1), (b"c5", 5), (b"d9", 9), (b"e1", 1), (b"f0", 0)):
        channel.put(name, body, priority=priority)
    assert channel.drain(name) == [b"c5", b"d9", b"b1", b"e1", b"a0", b"f0"]


def test_a_requeued_message_keeps_its_priority(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-priority": 5})
    channel.put(name, b"low", priority=1)
    channel.put(name, b"high", priority=4)
    message = channel.must_get(name, no_ack=False)
    assert message.body == b"high"
    channel.put(name, b"middle", priority=2)
    channel.reject(message.tag)
    channel.pause(0.05)
    assert channel.drain(name) == [b"high", b"middle", b"low"]


def test_max_length_drops_the_head_which_is_the_most_important(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-priority": 5, "x-max-length": 2})
    channel.put(name, b"low", priority=0)
    channel.put(name, b"high", priority=5)
    channel.put(name, b"middle", priority=3)
    assert channel.drain(name) == [b"middle", b"low"]


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_priority_without_the_argument_is_none(channel: WireChannel, name: str, kind: str) -> None:
    channel.declare(name, durable=True, arguments={"x-queue-type": kind})
    channel.put(name, b"1", priority=1)
    channel.put(name, b"9", priority=9)
    assert channel.drain(name) == [b"1", b"9"]
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
