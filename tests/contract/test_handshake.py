"""How a connection begins, what is agreed on, and how it ends."""

import struct
from typing import Any

import pytest
from pamqp import commands, encode

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import ClosedError, GoneError, Wire

Connection = commands.Connection


def test_start_names_the_mechanisms_and_the_capabilities(wires: Wires) -> None:
    start = wires.open(login=False).greet()
    assert (start.version_major, start.version_minor) == (0, 9)
    assert {"PLAIN", "AMQPLAIN"} <= set(start.mechanisms.split())
    assert start.locales == "en_US"
    capabilities = start.server_properties["capabilities"]
    assert isinstance(capabilities, dict)
    for one in (
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
    ):
        assert capabilities[one] is True, one


def test_offers_its_limits_and_a_heartbeat(wires: Wires) -> None:
    wire = wires.open(login=False)
    wire.greet()
    wire.send(0, Connection.StartOk({}, "PLAIN", "\0guest\0guest"))
    tune = wire.expect(Connection.Tune)
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (2047, 131_072, 60)


def test_amqplain_login(wires: Wires) -> None:
    wire = wires.open(login=False)
    wire.greet()
    response = encode.field_table({"LOGIN": "guest", "PASSWORD": "guest"})[4:].decode()
    wire.send(0, Connection.StartOk({}, "AMQPLAIN", response))
    wire.expect(Connection.Tune)


@pytest.mark.parametrize("mechanism", ["PLAIN", "AMQPLAIN"])
def test_wrong_password_is_refused(wires: Wires, mechanism: str) -> None:
    wire = wires.open(login=False)
    wire.greet()
    response = (
        "\0guest\0wrong"
        if mechanism == "PLAIN"
        else encode.field_table({"LOGIN": "guest", "PASSWORD": "wrong"})[4:].decode()
    )
    client: Any = {"capabilities": {"authentication_failure_close": True}}
    wire.send(0, Connection.StartOk(client, mechanism, response))
    closed = wire.refused()
    assert closed.code == 403
    assert closed.text == (
        f"ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. "
        "For details see the broker logfile."
    )


def test_unknown_vhost_is_refused(wires: Wires) -> None:
    with pytest.raises(ClosedError) as closed:
        wires.open(vhost="nowhere")
    assert (closed.value.code, closed.value.text) == (530, "NOT_ALLOWED - vhost nowhere not found")


def test_another_protocol_is_answered_with_the_right_one(wires: Wires) -> None:
    wire = wires.open(login=False)
    wire.raw(b"AMQP\x01\x01\x00\x0a")
    assert wire.socket.recv(64) == b"AMQP\x00\x00\x09\x01"
    wire.gone()


def test_http_is_answered_with_the_protocol(wires: Wires) -> None:
    wire = wires.open(login=False)
    wire.raw(b"GET / HTTP/1.1\r\n\r\n")
    assert wire.socket.recv(64) == b"AMQP\x00\x00\x09\x01"


def test_what_is_refused_before_the_connection_is_open(wires: Wires) -> None:
    """RabbitMQ says nothing then, and ends the socket after three seconds; who says why must say this."""
    start = Connection.StartOk({}, "PLAIN", "\0guest\0guest")
    wrong = {
        "COMMAND_INVALID - unsupported mechanism GUESSING": (Connection.StartOk({}, "GUESSING", "x"),),
        "NOT_ALLOWED - negotiated channel_max = 4000 is higher than the maximum allowed value (2047)": (
            start,
            Connection.TuneOk(4000, 131_072, 0),
        ),
        "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum allowed value (131072)": (
            start,
            Connection.TuneOk(10, 131_073, 0),
        ),
        "NOT_ALLOWED - negotiated frame_max = 100 is lower than the minimum allowed value (4096)": (
            start,
            Connection.TuneOk(10, 100, 0),
        ),
    }
    untold = wires.open(login=False)
    untold.greet()
    untold.send(0, Connection.StartOk({}, "PLAIN", "\0guest\0wrong"))
    opened = {text: wires.open(login=False) for text in wrong}
    for text, wire in opened.items():
        wire.greet()
        wire.send(0, *wrong[text])
    for text, wire in opened.items():
        try:
            assert wire.refused().text == text
        except GoneError:
            continue
    untold.gone()


def test_channel_numbers_end_at_what_was_agreed_on(wires: Wires) -> None:
    wire = wires.open(tune=Connection.TuneOk(2, 131_072, 0))
    wire.channel(1)
    wire.channel(2)
    wire.send(3, commands.Channel.Open())
    closed = wire.refused()
    assert (closed.code, closed.connection) == (530, True)
    assert closed.text == (
        "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
    )


def test_heartbeats_come_as_agreed(wires: Wires) -> None:
    wire = wires.open(tune=Connection.TuneOk(10, 131_072, 1))
    heartbeat = b"\x08\x00\x00\x00\x00\x00\x00\xce"
    for _ in range(2):
        wire.quiet(0.6)
        wire.raw(heartbeat)
    assert wire.heartbeats >= 1


def test_a_client_that_misses_its_heartbeats_is_dropped(wires: Wires) -> None:
    wire = wires.open(tune=Connection.TuneOk(10, 131_072, 1))
    wire.gone(5.0)
    assert wire.heartbeats >= 2


def test_a_channel_may_be_closed_and_opened_again(wire: Wire) -> None:
    wire.channel(1).close()
    again = wire.channel(1)
    again.declare(exclusive=True)


def test_close_is_answered(wire: Wire) -> None:
    wire.channel(1)
    wire.close()


def test_a_method_table_may_hold_every_kind_of_value(wire: Wire, name: str) -> None:
    channel = wire.channel()
    headers: Any = {
        "text": "ä€",
        "int": 5,
        "long": 2**40,
        "negative": -7,
        "yes": True,
        "void": None,
        "double": 1.5,
        "list": [1, "two", {"three": 3}],
        "table": {"a": {"b": "c"}},
    }
    queue = channel.declare(name, exclusive=True)
    channel.publish(queue, b"x", properties=commands.Basic.Properties(headers=headers))
    assert channel.must_get(queue).headers == headers


def test_a_table_of_every_wire_type_comes_back_as_it_was(wire: Wire, name: str) -> None:
    """Byte for byte, also the types that Python clients do not write."""
    channel = wire.channel()
    queue = channel.declare(name, exclusive=True)
    fields = {
        b"b": b"b\xff",
        b"B": b"B\xff",
        b"s": b"s\xff\xfe",
        b"u": b"u\xff\xfe",
        b"I": b"I\x00\x00\x00\x01",
        b"i": b"i\xff\xff\xff\xff",
        b"l": b"l" + b"\x00" * 7 + b"\x01",
        b"f": b"f" + struct.pack(">f", 1.5),
        b"d": b"d" + struct.pack(">d", 1.5),
        b"D": b"D\x02\x00\x00\x01\x00",
        b"S": b"S\x00\x00\x00\x02\xff\xfe",
        b"x": b"x\x00\x00\x00\x02\xff\xfe",
        b"A": b"A\x00\x00\x00\x02t\x01",
        b"T": b"T" + b"\x00" * 7 + b"\x01",
        b"F": b"F\x00\x00\x00\x04\x01at\x01",
        b"V": b"V",
        b"t": b"t\x00",
    }
    table = b"".join(bytes([len(key)]) + key + value for key, value in fields.items())
    head = struct.pack(">HHQH", 60, 0, 0, 1 << 13) + struct.pack(">I", len(table)) + table
    channel.send(commands.Basic.Publish(exchange="", routing_key=queue))
    wire.raw(struct.pack(">BHI", 2, 1, len(head)) + head + b"\xce")
    channel.send(commands.Basic.Consume(queue=queue, no_ack=True))
    wire.socket.settimeout(5)
    came = b""
    while table not in came:
        came += wire.socket.recv(65536)
