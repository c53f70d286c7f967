"""Clients that are wrong, slow, gone or many: the broker says what is wrong where it can, and goes on."""

import contextlib
import socket
from contextlib import ExitStack
from pathlib import Path
from random import Random

import psutil
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from embedded_services.common.platform import raise_file_limit
from tests.helpers.amqp_wire import PERSISTENT, Basic, ClosedError, GoneError, Wire
from tests.helpers.broker_node import EmbeddedNode

MANY = 1_000


def works(node: EmbeddedNode) -> None:
    with Wire(node.port) as wire:
        channel = wire.channel()
        channel.confirm_select()
        queue = channel.declare(exclusive=True)
        channel.put(queue, b"x", delivery_mode=2)
        assert channel.must_get(queue).body == b"x"


def connections(node: EmbeddedNode) -> int:
    """Those that the broker's process still has."""
    return sum(
        one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(node.pid).net_connections("tcp")
    )


def until_none_is_left(node: EmbeddedNode) -> None:
    process = psutil.Process(node.pid)
    for _ in range(200):
        if not connections(node):
            return
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(0.02)
    raise AssertionError(f"{connections(node)} connections are left")


def test_garbage_of_any_kind_is_answered_or_ended(node: EmbeddedNode) -> None:
    random = Random("garbage")
    for _ in range(150):
        with Wire(node.port, login=random.random() < 0.7) as wire:
            data = bytearray(
                frame.marshal(commands.Channel.Open(), 1)
                + frame.marshal(commands.Queue.Declare(queue="garbage", arguments={"x-max-length": 5}), 1)
                + frame.marshal(Basic.Publish(exchange="", routing_key="garbage"), 1)
                + frame.marshal(ContentHeader(0, 3, PERSISTENT), 1)
            )
            for _ in range(random.randint(1, 6)):
                data[random.randrange(len(data))] = random.randrange(256)
            with contextlib.suppress(ClosedError, GoneError, TimeoutError, BrokenPipeError):
                wire.raw(bytes(data))
                while True:
                    wire.read(0.02)
    works(node)
    assert "Traceback" not in node.log()
    until_none_is_left(node)


def test_a_client_that_goes_in_the_middle_of_anything_leaves_nothing(node: EmbeddedNode) -> None:
    whole = (
        frame.marshal(commands.Channel.Open(), 1)
        + frame.marshal(commands.Queue.Declare(queue="own", exclusive=True), 1)
        + frame.marshal(Basic.Publish(exchange="", routing_key="own"), 1)
        + frame.marshal(ContentHeader(0, 5, PERSISTENT), 1)
    )
    for place in range(0, len(whole), 7):
        with Wire(node.port) as wire:
            wire.raw(whole[:place])
    until_none_is_left(node)
    works(node)
    with Wire(node.port) as wire:
        wire.channel().declare("own", exclusive=True)


def test_a_thousand_connections(node: EmbeddedNode) -> None:
    raise_file_limit(8192)
    works(node)
    before = psutil.Process(node.pid).memory_info().rss
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(node.port)) for _ in range(MANY)]
        channels = [wire.channel() for wire in wires[::50]]
        queue = channels[0].declare("shared", auto_delete=True)
        for channel in channels[1:]:
            channel.consume(queue)
        channels[0].publish(queue, b"for one of them")
        works(node)
        assert connections(node) == MANY
        assert (psutil.Process(node.pid).memory_info().rss - before) / MANY < 40_000
    until_none_is_left(node)
    works(node)
    assert len(psutil.Process(node.pid).open_files()) < 10


def test_a_half_open_connection_is_found_out_by_its_heartbeat(node: EmbeddedNode) -> None:
    """The client is frozen, or behind a cable that was pulled: its socket is open, and nothing comes."""
    with Wire(node.port, tune=commands.Connection.TuneOk(10, 131_072, 1)) as silent, Wire(node.port) as wire:
        channel = silent.channel()
        channel.declare("held", auto_delete=True)
        channel.publish("held", b"x")
        channel.consume("held", consumer_tag="silent")
        assert channel.next().body == b"x"
        other = wire.channel()
        other.consume("held")
        message = other.next(within_s=5.0)
        assert (message.body, message.redelivered) == (b"x", True)


def test_one_that_never_greets_does_no_harm(node: EmbeddedNode) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", node.port)))
            sock.sendall(b"AMQP")
        works(node)
    until_none_is_left(node)


def test_one_that_does_not_read_costs_no_memory(node: EmbeddedNode) -> None:
    body = bytes(50_000)
    with Wire(node.port) as deaf, Wire(node.port) as wire:
        channel = wire.channel()
        channel.confirm_select()
        channel.declare("much", auto_delete=True)
        silent = deaf.channel()
        silent.consume("much", no_ack=True)
        before = psutil.Process(node.pid).memory_info().rss
        for _ in range(20):
            channel.put("much", *[body] * 100)
        grown = psutil.Process(node.pid).memory_info().rss - before
        assert grown < 60 * 1024 * 1024, grown
        ready, _ = channel.counts("much")
        assert ready > 1500
        assert sum(len(silent.next().body) for _ in range(2000)) == 2000 * len(body)


def test_what_follows_a_frame_that_is_too_large_costs_nothing(node: EmbeddedNode) -> None:
    with Wire(node.port) as wire:
        before = psutil.Process(node.pid).memory_info().rss
        wire.raw(b"\x03\x00\x01\x7f\xff\xff\xff")
        for _ in range(40):
            wire.raw(bytes(1024 * 1024))
        closed = wire.refused()
        assert closed.code == 501
        assert psutil.Process(node.pid).memory_info().rss - before < 10 * 1024 * 1024
    assert node.log().count("frame_too_large") == 1
    works(node)


def test_one_that_asks_and_does_not_read_is_not_heard_until_it_does(node: EmbeddedNode) -> None:
    body, count = bytes(1024 * 1024), 150
    with Wire(node.port) as deaf:
        channel = deaf.channel()
        channel.confirm_select()
        channel.declare("large", auto_delete=True)
        channel.put("large", body)
        before = psutil.Process(node.pid).memory_info().rss
        again = [Basic.Get(queue="large"), Basic.Nack(delivery_tag=0, multiple=True, requeue=True)]
        deaf.raw(b"".join(frame.marshal(one, 1) for one in again) * count)
        works(node)
        works(node)
        grown = psutil.Process(node.pid).memory_info().rss - before
        assert grown < 80 * 1024 * 1024, grown
        while count:
            count -= isinstance(deaf.read()[1], Basic.GetOk)
    works(node)


def test_large_bodies_that_never_come_hold_new_ones_back_until_their_senders_go(tmp_path: Path) -> None:
    node, large = EmbeddedNode(tmp_path, "--max-memory", str(4 * 1024 * 1024)), 3 * 1024 * 1024
    node.start()
    try:
        with Wire(node.port) as wire, Wire(node.port) as first, Wire(node.port) as second:
            channel = wire.channel()
            queue = channel.declare(exclusive=True)
            for slow in (first, second):
                number = slow.channel().number
                slow.send(
                    number, Basic.Publish(exchange="", routing_key=queue), ContentHeader(0, large, PERSISTENT)
                )
                slow.raw(frame.marshal(ContentBody(b"a beginning"), number))
            channel.confirm_select()
            channel.publish(queue, b"waits")
            wire.until(lambda: wire.blocked is not None)
            assert wire.blocked == "low on memory"
            second.close()
            assert channel.confirmed(1) == [(1, True)]
            assert wire.blocked is None
    finally:
        node.stop()


def test_very_many_that_grow_too_old_at_once_keep_nobody_waiting(node: EmbeddedNode) -> None:
    count = 12_000
    with Wire(node.port) as wire, Wire(node.port) as other:
        channel = wire.channel()
        channel.confirm_select()
        dead = channel.declare(exclusive=True)
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
        queue = channel.declare(exclusive=True, arguments=arguments)
        for _ in range(30):
            channel.put(queue, *[b"x"] * (count // 30), expiration="1500")
        asker, answers = other.channel(), 0
        own = asker.declare(exclusive=True)
        while channel.counts(dead)[0] < count:
            assert asker.counts(own) == (0, 0)
            answers += 1
        assert answers > 5, "while they went, others were heard"
        assert channel.counts(queue) == (0, 0)
