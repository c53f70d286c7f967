"""Publishing: confirms, returns, and what a message may say of itself."""

import pytest
from pamqp import commands

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import PERSISTENT, Properties, Wire, WireChannel
from tests.helpers.broker_node import BrokerNode


def test_each_publish_is_confirmed(channel: WireChannel, name: str) -> None:
    channel.declare(name, durable=True)
    assert channel.put(name, *[b"x"] * 50, delivery_mode=2) == [True] * 50
    assert channel.put(name, b"x") == [True]
    assert channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk).message_count == 51


def test_what_reaches_no_queue_is_confirmed_too(channel: WireChannel, name: str) -> None:
    assert channel.put(name, b"lost") == [True]


def test_a_mandatory_message_that_reaches_none_comes_back_before_its_confirm(
    channel: WireChannel, name: str
) -> None:
    properties = Properties(headers={"a": 1}, content_type="text/plain")
    channel.publish(name, b"body", properties=properties, mandatory=True)
    back = channel.returned()
    assert not channel.confirms
    assert (back.method.reply_code, back.method.reply_text) == (312, "NO_ROUTE")
    assert (back.method.exchange, back.method.routing_key) == ("", name)
    assert (back.body, back.headers, back.properties.content_type) == (b"body", {"a": 1}, "text/plain")
    assert channel.confirmed(1) == [(1, True)]


def test_a_mandatory_message_that_arrives_does_not_come_back(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.publish(name, b"x", mandatory=True)
    channel.confirmed(1)
    assert not channel.returns


def test_nothing_is_confirmed_before_it_is_asked_for(wire: Wire, name: str) -> None:
    channel = wire.channel()
    channel.declare(name, exclusive=True)
    channel.publish(name, b"x")
    wire.quiet()
    channel.confirm_select()
    channel.confirm_select()
    channel.publish(name, b"y")
    assert channel.confirmed(1) == [(1, True)]


def test_all_properties_arrive_as_they_were(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    properties = Properties(
        content_type="application/json",
        content_encoding="utf-8",
        headers={"a": "b"},
        delivery_mode=2,
        priority=3,
        correlation_id="c",
        reply_to="r",
        expiration="60000",
        message_id="m",
        timestamp=None,
        message_type="t",
        user_id="guest",
        app_id="app",
    )
    channel.publish(name, b"x", properties=properties)
    assert dict(channel.must_get(name).properties) == dict(properties)


def test_delivery_says_where_a_message_came_from(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.bind(name, "amq.topic", f"{name}.*")
    channel.put(f"{name}.a", b"x", exchange="amq.topic")
    message = channel.must_get(name)
    assert (message.method.exchange, message.method.routing_key) == ("amq.topic", f"{name}.a")
    assert message.method.message_count == 0


def test_somebody_elses_user_is_refused(channel: WireChannel, name: str) -> None:
    channel.publish(name, properties=Properties(user_id="other"))
    closed = channel.refused()
    assert (closed.code, closed.text) == (
        406,
        "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user was 'guest'",
    )


@pytest.mark.parametrize(
    ("expiration", "why"),
    [
        ("soon", "no_integer"),
        ("-1", "{value_negative,-1}"),
        ("1.5", '{leftover_string,".5"}'),
        ("99999999999999", "{value_too_large,99999999999999}"),
    ],
)
def test_an_expiration_that_is_no_time_is_refused(
    channel: WireChannel, name: str, expiration: str, why: str
) -> None:
    channel.publish(name, properties=Properties(expiration=expiration))
    closed = channel.refused()
    assert (closed.code, closed.text) == (
        406,
        f"PRECONDITION_FAILED - invalid expiration '{expiration}': {why}",
    )


def test_a_refused_publish_leaves_those_before_it_confirmed(channel: WireChannel, name: str) -> None:
    channel.declare(name, auto_delete=True)
    channel.publish(name, b"kept")
    channel.confirmed(1)
    channel.publish("k", b"", exchange=f"{name}-absent")
    assert channel.refused().code == 404
    again = channel.wire.channel()
    assert again.must_get(name).body == b"kept"


def test_messages_of_a_channel_keep_their_order(wires: Wires, channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    bodies = [b"%d" % number for number in range(500)]
    channel.put(name, *bodies)
    channel.consume(name, no_ack=True)
    assert channel.take(500) == bodies


def test_transactions(broker: BrokerNode, wire: Wire) -> None:
    """The one thing that the embedded broker does not do: it refuses them, and names what to use."""
    channel = wire.channel()
    channel.send(commands.Tx.Select())
    if broker.name == "rabbitmq":
        channel.expect(commands.Tx.SelectOk)
        return
    closed = channel.refused()
    assert (closed.code, closed.text) == (540, "NOT_IMPLEMENTED - transactions: use publisher confirms")


def test_confirms_on_a_channel_with_transactions(wire: Wire) -> None:
    channel = wire.channel()
    channel.confirm_select()
    channel.send(commands.Tx.Select())
    closed = channel.refused()
    assert (closed.code, closed.connection) in ((406, False), (540, True))


def test_every_publish_is_confirmed_while_others_are_served(
    wires: Wires, channel: WireChannel, name: str
) -> None:
    """Some come while the disk still works for those before them."""
    channel.declare(name, durable=True)
    consumer = wires.channel()
    consumer.consume(name, no_ack=True)
    for number in range(1500):
        channel.publish(name, b"x", properties=PERSISTENT)
        if number % 50 == 0:
            consumer.pause(0.001)
    assert [ok for _, ok in channel.confirmed(1500)] == [True] * 1500
    assert consumer.take(1500) == [b"x"] * 1500
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)


def test_a_publish_is_confirmed_also_if_its_consumer_never_answers(
    wires: Wires, channel: WireChannel, name: str
) -> None:
    """Who was handed something goes before the disk, but is not waited for."""
    channel.declare(name, durable=True)
    consumer = wires.channel()
    consumer.consume(name)
    for body in (b"1", b"2"):
        assert channel.put(name, body, delivery_mode=2) == [True]
    assert consumer.take(2) == [b"1", b"2"]
    channel.call(commands.Queue.Delete(queue=name), commands.Queue.DeleteOk)
