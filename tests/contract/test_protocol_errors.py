"""What is wrong on the wire, and how a client hears of it."""

import struct

import pytest
from pamqp import base, commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import Basic, GoneError, Properties, Wire

PUBLISH = frame.marshal(Basic.Publish(exchange="", routing_key="nobody"), 1)
HEAD_OF_4 = frame.marshal(ContentHeader(0, 4, Properties()), 1)
BODY_OF_4 = frame.marshal(ContentBody(b"four"), 1)


def raw_frame(kind: int, channel: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (raw_frame(1, 1, b"\x00\x3c\x00\x28", end=b"\x00"), 501),
        (raw_frame(7, 1, b""), 501),
        (raw_frame(1, 1, b"\x00\x32\x00\x0a\x00"), 501),
        (HEAD_OF_4, 505),
        (BODY_OF_4, 505),
        (PUBLISH + BODY_OF_4, 505),
        (PUBLISH + PUBLISH, 505),
        (PUBLISH + HEAD_OF_4 + HEAD_OF_4, 505),
        (PUBLISH + raw_frame(2, 1, struct.pack(">HHQH", 50, 0, 0, 0)), 505),
        (raw_frame(1, 0, frame.marshal(commands.Channel.Open(), 1)[7:-1]), 504),
        (frame.marshal(Basic.Qos(), 5), 504),
        (frame.marshal(commands.Channel.Open(), 1), 504),
        (frame.marshal(commands.Connection.Open("/"), 1), 503),
        (frame.marshal(commands.Basic.GetEmpty(), 1), 503),
        (frame.marshal(commands.Basic.Recover(False), 1), 540),
        (frame.marshal(Basic.Qos(prefetch_size=5), 1), 540),
        (struct.pack(">BHI", 1, 1, 200_000), 501),
        (struct.pack(">BHI", 3, 1, 0xFFFF_FFFF), 501),
    ],
    ids=[
        "frame-end",
        "frame-type",
        "short-method",
        "header-without-publish",
        "body-without-publish",
        "body-without-header",
        "method-within-content",
        "second-header",
        "header-of-another-class",
        "channel-method-on-channel-0",
        "channel-not-open",
        "channel-opened-twice",
        "connection-method-on-a-channel",
        "what-only-a-server-says",
        "recover-without-requeue",
        "prefetch-size",
        "oversized",
        "oversized-body",
    ],
)
def test_what_breaks_the_protocol_closes_the_connection(wire: Wire, wrong: bytes, code: int) -> None:
    wire.channel(1)
    wire.raw(wrong)
    closed = wire.refused()
    assert (closed.code, closed.connection) == (code, True), closed.text


def test_a_method_that_nobody_knows_ends_the_connection(wire: Wire) -> None:
    """RabbitMQ just ends the socket; who says why must say this."""
    wire.channel(1)
    wire.raw(raw_frame(1, 1, b"\x00\x99\x00\x98"))
    try:
        assert wire.refused().code == 540
    except GoneError:
        return


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (Basic.Qos(prefetch_size=5), "NOT_IMPLEMENTED - prefetch_size!=0 (5)"),
        (
            Basic.Publish(exchange="", routing_key="x", immediate=True),
            "NOT_IMPLEMENTED - immediate=true",
        ),
        (commands.Channel.Flow(False), "NOT_IMPLEMENTED - active=false"),
    ],
)
def test_what_is_not_implemented_is_named(wire: Wire, method: base.Frame, text: str) -> None:
    wire.channel(1).send(method)
    if isinstance(method, Basic.Publish):
        wire.send(1, ContentHeader(0, 0, Properties()))
    closed = wire.refused()
    assert (closed.code, closed.text) == (540, text)


def test_flow_on_is_answered(wire: Wire) -> None:
    assert wire.channel(1).call(commands.Channel.Flow(True), commands.Channel.FlowOk).active


def test_the_other_channels_live_when_one_is_closed(wire: Wire, name: str) -> None:
    one, other = wire.channel(1), wire.channel(2)
    one.send(commands.Queue.Declare(queue=name, passive=True))
    closed = one.refused()
    assert (closed.code, closed.connection) == (404, False)
    assert other.declare(name, exclusive=True) == name
    assert wire.channel(1).counts(name) == (0, 0)


def test_what_a_client_sends_to_a_channel_that_was_closed_is_ignored(wire: Wire, name: str) -> None:
    channel, other = wire.channel(1), wire.channel(2)
    wire.send(
        1,
        commands.Queue.Declare(queue=name, passive=True),
        commands.Queue.Declare(queue=name),
        Basic.Publish(exchange="", routing_key=name),
        ContentHeader(0, 0, Properties()),
    )
    assert channel.refused().code == 404
    other.send(commands.Queue.Declare(queue=name, passive=True))
    assert other.refused().code == 404


def test_frames_may_come_byte_by_byte(wire: Wire, name: str) -> None:
    data = frame.marshal(commands.Channel.Open(), 1) + frame.marshal(
        commands.Queue.Declare(queue=name, exclusive=True), 1
    )
    for at in range(len(data)):
        wire.raw(data[at : at + 1])
    assert isinstance(wire.read()[1], commands.Channel.OpenOk)
    assert wire.read()[1].queue == name


def test_a_frame_beyond_what_was_agreed_on_is_refused(wires: Wires) -> None:
    wire = wires.open(tune=commands.Connection.TuneOk(10, 8192, 0))
    channel = wire.channel()
    channel.send(Basic.Publish(exchange="", routing_key="x"), ContentHeader(0, 9000, Properties()))
    wire.raw(raw_frame(3, 1, bytes(9000)))
    assert wire.refused().code == 501


@pytest.mark.parametrize("size", [0, 1, 8184, 8185, 16_368, 100_000])
def test_a_large_body_comes_in_frames_of_the_size_agreed_on(wires: Wires, name: str, size: int) -> None:
    wire = wires.open(tune=commands.Connection.TuneOk(10, 8192, 0))
    channel = wire.channel()
    queue = channel.declare(name, exclusive=True)
    body = bytes(index % 251 for index in range(size))
    channel.publish(queue, body)
    assert channel.must_get(queue).body == body
    assert max(wire.frame_sizes, default=0) <= 8192
    assert len(wire.frame_sizes) == -(-size // 8184)


def test_megabytes(wire: Wire, name: str) -> None:
    channel = wire.channel()
    queue = channel.declare(name, exclusive=True)
    body = bytes(range(256)) * 40_000
    channel.publish(queue, body)
    assert channel.must_get(queue).body == body
