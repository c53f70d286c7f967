"""A long queue: the broker is there again at once, and its memory knows only the head."""

import time

import psutil
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tests.helpers.amqp_wire import PERSISTENT, Wire
from tests.helpers.broker_node import EmbeddedNode

COUNT = 100_000
BLOCK = 500


def test_a_hundred_thousand_messages_are_there_again_at_once(node: EmbeddedNode) -> None:
    one = b"".join(
        frame.marshal(part, 1)
        for part in (
            commands.Basic.Publish(exchange="", routing_key="long"),
            ContentHeader(0, 100, PERSISTENT),
            ContentBody(bytes(100)),
        )
    )
    with Wire(node.port) as wire:
        channel = wire.channel()
        channel.confirm_select()
        channel.declare("long", durable=True)
        for _ in range(COUNT // BLOCK):
            wire.raw(one * BLOCK)
            channel.confirmed(BLOCK)
    node.kill()
    began = time.monotonic()
    node.start()
    with Wire(node.port) as wire:
        assert wire.channel().counts("long") == (COUNT, 0)
        took = time.monotonic() - began
        assert psutil.Process(node.pid).memory_info().rss < 80 * 1024 * 1024
        channel = wire.channel(2)
        channel.qos(BLOCK)
        channel.consume("long")
        for _ in range(20):
            channel.take(BLOCK - 1)
            channel.ack(channel.next().tag, multiple=True)
    print(f"there again after {took:.2f} s")
    assert took < 3.0, took  # well under a second where nothing else runs
