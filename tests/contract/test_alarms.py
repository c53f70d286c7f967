"""A broker that is short of memory holds publishers back, says so, and loses nothing."""

from pamqp import commands

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import WireChannel
from tests.helpers.broker_node import BrokerNode


def test_publishers_are_held_back_and_go_on(
    broker: BrokerNode, wires: Wires, channel: WireChannel, name: str
) -> None:
    channel.declare(name, auto_delete=True)
    channel.put(name, b"before")
    consumer = wires.channel()
    consumer.consume(name)
    assert consumer.next().body == b"before"
    broker.hold_publishers()
    try:
        channel.publish(name, b"while")
        channel.wire.until(lambda: channel.wire.blocked is not None)
        assert channel.wire.blocked == "low on memory"
        channel.publish(name, b"while 2")
        consumer.nothing()
        assert not channel.confirms
        assert consumer.wire.blocked is None
        consumer.ack(1)
        consumer.declare(exclusive=True)
    finally:
        broker.release_publishers()
    channel.wire.until(lambda: channel.wire.blocked is None)
    assert channel.confirmed(2) == [(2, True), (3, True)]
    assert consumer.take(2) == [b"while", b"while 2"]


def test_one_that_cannot_be_told_is_held_back_all_the_same(
    broker: BrokerNode, wires: Wires, channel: WireChannel, name: str
) -> None:
    channel.declare(name, exclusive=True)
    other = wires.channel(capabilities={})
    broker.hold_publishers()
    try:
        for _ in range(3):
            other.publish(name, b"x")
        other.wire.quiet(0.5)
    finally:
        broker.release_publishers()
    other.confirmed(3)
    assert channel.call(commands.Queue.Purge(queue=name), commands.Queue.PurgeOk).message_count == 3
