"""What becomes of a message that is out: acked, rejected, requeued, given back by an end of its channel."""

import pytest
from pamqp import commands

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import Basic, Wire, WireChannel


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.fixture
def queue(channel: WireChannel, name: str) -> str:
    """With five messages, 0 to 4."""
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(5))
    return name


def test_ack_takes_one(channel: WireChannel, queue: str) -> None:
    messages = [channel.must_get(queue, no_ack=False) for _ in range(3)]
    channel.ack(messages[1].tag)
    channel.call(Basic.Recover(requeue=True), Basic.RecoverOk)
    assert channel.drain(queue) == [b"0", b"2", b"3", b"4"]


def test_ack_of_many_takes_all_up_to_it(channel: WireChannel, queue: str) -> None:
    messages = [channel.must_get(queue, no_ack=False) for _ in range(4)]
    channel.ack(messages[2].tag, multiple=True)
    channel.call(Basic.Recover(requeue=True), Basic.RecoverOk)
    assert channel.drain(queue) == [b"3", b"4"]


def test_ack_of_zero_takes_all(channel: WireChannel, queue: str) -> None:
    for _ in range(4):
        channel.must_get(queue, no_ack=False)
    channel.ack(0, multiple=True)
    channel.call(Basic.Recover(requeue=True), Basic.RecoverOk)
    assert channel.drain(queue) == [b"4"]


def test_ack_of_zero_with_nothing_out_is_fine(channel: WireChannel, queue: str) -> None:
    channel.ack(0, multiple=True)
    assert channel.counts(queue) == (5, 0)


@pytest.mark.parametrize("tag", [0, 1, 7])
def test_an_unknown_tag_closes_the_channel(channel: WireChannel, queue: str, tag: int) -> None:
    channel.ack(tag)
    closed = channel.refused()
    assert (closed.code, closed.text, closed.connection) == (
        406,
        f"PRECONDITION_FAILED - unknown delivery tag {tag}",
        False,
    )


@pytest.mark.parametrize("way", ["ack", "nack", "reject", "multiple"])
def test_a_tag_is_good_for_once(channel: WireChannel, queue: str, way: str) -> None:
    tag = channel.must_get(queue, no_ack=False).tag
    channel.ack(tag)
    if way == "multiple":
        channel.ack(tag, multiple=True)
    else:
        getattr(channel, way)(tag)
    closed = channel.refused()
    assert (closed.code, closed.text) == (406, f"PRECONDITION_FAILED - unknown delivery tag {tag}")


def test_a_tag_belongs_to_its_channel(wire: Wire, channel: WireChannel, queue: str) -> None:
    tag = channel.must_get(queue, no_ack=False).tag
    other = wire.channel(2)
    other.ack(tag)
    assert other.refused().code == 406
    channel.ack(tag)
    assert channel.counts(queue) == (4, 0)


def test_nothing_is_left_to_ack_without_acks(channel: WireChannel, queue: str) -> None:
    tag = channel.must_get(queue, no_ack=True).tag
    channel.ack(tag)
    assert channel.refused().code == 406


def test_requeued_messages_take_their_old_places(channel: WireChannel, queue: str) -> None:
    messages = [channel.must_get(queue, no_ack=False) for _ in range(3)]
    for place in (1, 0, 2):
        channel.reject(messages[place].tag)
    got = [channel.must_get(queue) for _ in range(5)]
    assert [message.body for message in got] == numbers(5)
    assert [message.redelivered for message in got] == [True, True, True, False, False]


def test_nack_of_many_requeues_all_up_to_it(channel: WireChannel, queue: str) -> None:
    messages = [channel.must_get(queue, no_ack=False) for _ in range(4)]
    channel.nack(messages[2].tag, multiple=True)
    assert channel.drain(queue) == [b"0", b"1", b"2", b"4"]


def test_nack_of_zero_is_all(channel: WireChannel, queue: str) -> None:
    for _ in range(4):
        channel.must_get(queue, no_ack=False)
    channel.nack(0, multiple=True)
    assert channel.drain(queue) == numbers(5)


def test_a_rejected_message_is_gone(channel: WireChannel, queue: str) -> None:
    channel.reject(channel.must_get(queue, no_ack=False).tag, requeue=False)
    channel.nack(channel.must_get(queue, no_ack=False).tag, requeue=False)
    assert channel.drain(queue) == [b"2", b"3", b"4"]


def test_recover_gives_all_back(channel: WireChannel, queue: str) -> None:
    channel.consume(queue)
    assert channel.take(5) == numbers(5)
    channel.call(Basic.Recover(requeue=True), Basic.RecoverOk)
    got = [channel.next() for _ in range(5)]
    assert [message.body for message in got] == numbers(5)
    assert all(message.redelivered for message in got)
    assert [message.tag for message in got] == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("end", ["close", "drop"])
def test_what_is_out_goes_back_when_its_channel_ends(
    wires: Wires, channel: WireChannel, name: str, end: str
) -> None:
    channel.declare(name, auto_delete=True)
    channel.put(name, *numbers(5))
    other = wires.channel()
    other.qos(3)
    other.consume(name)
    assert other.take(3) == numbers(3)
    channel.consume(name, consumer_tag="keeps the queue", arguments={"x-priority": -1})
    assert channel.take(2) == numbers(5)[3:]
    if end == "close":
        other.close()
    else:
        other.wire.socket.close()
    got = [channel.next() for _ in range(3)]
    assert [message.body for message in got] == numbers(3)
    assert all(message.redelivered for message in got)


def test_a_message_that_was_never_out_is_not_redelivered(channel: WireChannel, queue: str) -> None:
    assert not channel.must_get(queue).redelivered


def test_a_refused_channel_gives_back_too(wires: Wires, channel: WireChannel, name: str) -> None:
    channel.declare(name, auto_delete=True)
    channel.put(name, b"x")
    other = wires.channel()
    other.must_get(name, no_ack=False)
    other.ack(99)
    assert other.refused().code == 406
    message = channel.must_get(name)
    assert (message.body, message.redelivered) == (b"x", True)
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
