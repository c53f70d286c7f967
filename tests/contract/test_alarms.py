"""A broker that is short of memory holds publishers back, says so, and loses nothing."""

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
    untold = wires.channel(capabilities={})
    broker.hold_publishers()
    try:
        untold.publish(f"{name}-absent", b"of a client that cannot be told")
        channel.publish(name, b"while")
        channel.wire.until(lambda: channel.wire.blocked is not None)
        assert channel.wire.blocked == "low on memory"
        channel.publish(name, b"while 2")
        consumer.nothing()
        untold.wire.quiet()
        assert not channel.confirms
        assert consumer.wire.blocked is None
        consumer.ack(1)
        consumer.declare(exclusive=True)
    finally:
        broker.release_publishers()
    channel.wire.until(lambda: channel.wire.blocked is None)
    assert channel.confirmed(2) == [(2, True), (3, True)]
    assert untold.confirmed(1) == [(1, True)]
    assert consumer.take(2) == [b"while", b"while 2"]
