"""Consumers: order, fairness, prefetch, priorities, and how they come and go."""

from collections import Counter

from pamqp import commands

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import Basic, Wire, WireChannel


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_messages_come_in_order(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(100))
    channel.consume(name)
    assert channel.take(100) == numbers(100)


def test_delivery_tags_count_from_one_on_each_channel(wire: Wire, channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(4))
    assert [channel.must_get(name).tag for _ in range(2)] == [1, 2]
    assert [wire.channel(2).must_get(name).tag] == [1]


def test_a_consumer_may_be_named(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    assert channel.consume(name, consumer_tag="mine ä") == "mine ä"
    assert channel.consume(name).startswith("amq.ctag-")
    channel.put(name, b"x", b"y")
    assert {channel.next().method.consumer_tag for _ in range(2)} >= {"mine ä"}


def test_a_name_is_taken_once_on_a_channel(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.consume(name, consumer_tag="mine")
    channel.send(Basic.Consume(queue=name, consumer_tag="mine"))
    closed = channel.refused()
    assert (closed.code, closed.connection) == (530, True)
    assert closed.text == "NOT_ALLOWED - attempt to reuse consumer tag 'mine'"


def test_consumers_take_turns(wire: Wire, channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    tags = [channel.consume(name) for _ in range(3)]
    channel.put(name, *numbers(30))
    assert Counter(channel.next().method.consumer_tag for _ in range(30)) == dict.fromkeys(tags, 10)


def test_prefetch_bounds_what_is_out(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(10))
    channel.qos(3)
    channel.consume(name)
    assert channel.take(3) == numbers(3)
    channel.nothing()
    channel.ack(1)
    assert channel.next().body == b"3"
    channel.nothing()
    channel.ack(4, multiple=True)
    assert channel.take(3) == numbers(7)[4:]
    channel.nothing()


def test_prefetch_is_each_consumers_own(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(10))
    channel.qos(2)
    one = channel.consume(name)
    channel.qos(1)
    two = channel.consume(name)
    assert Counter(channel.next().method.consumer_tag for _ in range(3)) == {one: 2, two: 1}
    channel.nothing()


def test_shared_prefetch_is_the_channels(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(10))
    channel.qos(3, shared=True)
    channel.consume(name)
    channel.consume(name)
    first = [channel.next() for _ in range(3)]
    channel.nothing()
    channel.ack(first[0].tag)
    channel.next()
    channel.nothing()


def test_shared_and_own_prefetch_hold_both(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(10))
    channel.qos(2)
    channel.qos(3, shared=True)
    one, two = channel.consume(name), channel.consume(name)
    got = Counter(channel.next().method.consumer_tag for _ in range(3))
    assert sum(got.values()) == 3
    assert max(got[one], got[two]) == 2
    channel.nothing()


def test_raising_the_shared_prefetch_lets_more_come(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(5))
    channel.qos(1, shared=True)
    channel.consume(name)
    channel.next()
    channel.nothing()
    channel.qos(0, shared=True)
    assert channel.take(4) == numbers(5)[1:]


def test_prefetch_does_not_count_what_needs_no_ack(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(20))
    channel.qos(1)
    channel.consume(name, no_ack=True)
    assert channel.take(20) == numbers(20)
    assert channel.counts(name) == (0, 1)


def test_get_is_not_bound_by_prefetch(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(3))
    channel.qos(1)
    assert [channel.must_get(name, no_ack=False).body for _ in range(3)] == numbers(3)
    assert channel.get(name) is None


def test_get_tells_how_many_are_left(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *numbers(3))
    assert [channel.must_get(name).method.message_count for _ in range(3)] == [2, 1, 0]


def test_a_higher_priority_is_served_first(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.qos(2)
    low = channel.consume(name)
    high = channel.consume(name, arguments={"x-priority": 10})
    channel.put(name, *numbers(4))
    assert Counter(channel.next().method.consumer_tag for _ in range(4)) == {high: 2, low: 2}
    channel.ack(0, multiple=True)
    channel.put(name, b"a")
    channel.put(name, b"b")
    assert [channel.next().method.consumer_tag for _ in range(2)] == [high, high]


def test_a_priority_that_is_no_number_is_refused(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.send(Basic.Consume(queue=name, arguments={"x-priority": "high"}))
    closed = channel.refused()
    assert closed.code == 406
    assert (
        closed.text
        == "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{}' in vhost '/': {}".format(
            name, '"expected integer, got longstr"'
        )
    )


def test_single_active_consumer(wires: Wires, channel: WireChannel, name: str) -> None:
    channel.declare(name, arguments={"x-single-active-consumer": True})
    other = wires.channel()
    first, second = channel.consume(name), other.consume(name)
    channel.put(name, *numbers(3))
    assert [channel.next().method.consumer_tag for _ in range(3)] == [first] * 3
    other.nothing()
    channel.ack(1)
    channel.ack(2)
    channel.call(Basic.Cancel(first), Basic.CancelOk)
    channel.put(name, b"more")
    assert (other.next().method.consumer_tag, other.wire.socket.fileno() > 0) == (second, True)
    channel.close()
    assert other.next().body == b"2"
    other.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)


def test_exclusive_consumption(wires: Wires, channel: WireChannel, name: str) -> None:
    channel.declare(name, auto_delete=True)
    channel.consume(name, exclusive=True)
    other = wires.channel()
    other.send(Basic.Consume(queue=name))
    closed = other.refused()
    assert (closed.code, closed.text) == (
        403,
        f"ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use",
    )


def test_exclusive_consumption_of_a_queue_that_has_consumers(
    wires: Wires, channel: WireChannel, name: str
) -> None:
    channel.declare(name, auto_delete=True)
    channel.consume(name)
    other = wires.channel()
    other.send(Basic.Consume(queue=name, exclusive=True))
    assert other.refused().code == 403


def test_a_cancelled_consumer_gets_no_more_and_may_still_ack(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.qos(1)
    tag = channel.consume(name)
    channel.put(name, b"1", b"2")
    message = channel.next()
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    channel.ack(message.tag)
    channel.nothing()
    assert channel.drain(name) == [b"2"]


def test_cancelling_one_that_is_not_there_is_fine(channel: WireChannel) -> None:
    assert channel.call(Basic.Cancel("nobody"), Basic.CancelOk).consumer_tag == "nobody"


def test_a_deleted_queue_cancels_its_consumers(wires: Wires, channel: WireChannel, name: str) -> None:
    channel.declare(name)
    tag = channel.consume(name)
    other = wires.channel()
    other.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
    assert channel.cancelled() == tag
    channel.nothing()


def test_a_client_that_does_not_know_of_cancelling_is_not_told(
    wires: Wires, channel: WireChannel, name: str
) -> None:
    channel.declare(name)
    other = wires.channel(capabilities={})
    other.consume(name)
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
    other.nothing()


def test_acking_after_the_queue_is_gone_is_fine(channel: WireChannel, name: str) -> None:
    channel.declare(name)
    channel.put(name, b"x", b"y", b"z")
    messages = [channel.must_get(name, no_ack=False) for _ in range(3)]
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
    channel.ack(messages[0].tag)
    channel.reject(messages[1].tag)
    channel.reject(messages[2].tag, requeue=False)
    channel.declare(name, exclusive=True)
    assert channel.counts(name) == (0, 0)


def test_no_local_is_taken_and_means_nothing(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.consume(name, no_local=True)
    channel.put(name, b"own")
    assert channel.next().body == b"own"


def test_consuming_with_nowait(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.send(Basic.Consume(queue=name, consumer_tag="t", nowait=True))
    channel.put(name, b"x")
    assert channel.next().method.consumer_tag == "t"
    channel.send(Basic.Cancel("t", nowait=True))
    channel.put(name, b"y")
    channel.nothing()


def test_a_slow_consumer_does_not_hold_up_others(wires: Wires, channel: WireChannel, name: str) -> None:
    """One does not read at all; the other gets all that it can take."""
    channel.declare(name, auto_delete=True)
    stuck, quick = wires.channel(), wires.channel()
    stuck.consume(name, no_ack=False)
    stuck.wire.quiet()
    quick.qos(10)
    quick.consume(name)
    body = bytes(200_000)
    for _ in range(40):
        channel.put(name, body, body)
        quick.ack(quick.next().tag)
