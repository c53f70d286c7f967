"""Queues: how they are declared, compared, shared, emptied and deleted."""

import struct
from typing import Any

import pytest
from pamqp import commands

from tests.contract.conftest import Wires
from tests.helpers.amqp_wire import Basic, ClosedError, Wire, WireChannel

Queue = commands.Queue
LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{}' in vhost '/'. It could be originally "
    "declared on another connection or the exclusive property value does not match that of the original declaration."
)


def refused(channel: WireChannel, method: Any) -> tuple[int, str]:
    channel.send(method)
    closed = channel.refused()
    assert not closed.connection
    return closed.code, closed.text


def test_declare_tells_messages_and_consumers(channel: WireChannel, name: str) -> None:
    told = channel.call(Queue.Declare(queue=name, auto_delete=True), Queue.DeclareOk)
    assert (told.queue, told.message_count, told.consumer_count) == (name, 0, 0)
    channel.put(name, b"1", b"2", b"3")
    channel.qos(1)
    channel.consume(name)
    channel.next()
    assert channel.counts(name) == (2, 1)


def test_the_broker_names_a_queue(channel: WireChannel) -> None:
    one, two = channel.declare(exclusive=True), channel.declare(exclusive=True)
    assert one.startswith("amq.gen-")
    assert one != two


def test_an_empty_name_is_the_last_declared(channel: WireChannel, name: str) -> None:
    queue = channel.declare(name, exclusive=True)
    channel.bind("", "amq.direct")
    channel.put(queue, b"x", exchange="amq.direct")
    assert channel.must_get("").body == b"x"
    assert channel.call(Queue.Purge(queue=""), Queue.PurgeOk).message_count == 0


def test_an_empty_name_without_any_declared(wire: Wire) -> None:
    channel = wire.channel()
    channel.send(Queue.Purge(queue=""))
    closed = channel.refused()
    assert (closed.code, closed.text) == (404, "NOT_FOUND - no previously declared queue")


def test_declaring_the_same_again_is_fine(channel: WireChannel, name: str) -> None:
    arguments = {"x-max-length": 70_000, "x-overflow": "drop-head", "x-message-ttl": 100_000}
    for _ in range(2):
        channel.declare(name, durable=True, arguments=arguments)
    channel.call(Queue.Delete(queue=name), Queue.DeleteOk)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"durable": True}, {}, "'durable' for {}: received 'false' but current is 'true'"),
        ({}, {"durable": True}, "'durable' for {}: received 'true' but current is 'false'"),
        (
            {"durable": True},
            {"durable": True, "auto_delete": True},
            "'auto_delete' for {}: received 'true' but current is 'false'",
        ),
        (
            {},
            {"arguments": {"x-max-length": 70_000}},
            "'x-max-length' for {}: received the value '70000' of type 'signedint' but current is none",
        ),
        (
            {"arguments": {"x-max-length": 70_000}},
            {},
            "'x-max-length' for {}: received none but current is the value '70000' of type 'signedint'",
        ),
        (
            {"arguments": {"x-max-length": 70_000}},
            {"arguments": {"x-max-length": 80_000}},
            "'x-max-length' for {}: received '80000' but current is '70000'",
        ),
        (
            {"arguments": {"x-message-ttl": 70_000}},
            {"arguments": {"x-message-ttl": 80_000}},
            "'x-message-ttl' for {}: received '80000' but current is '70000'",
        ),
        (
            {"arguments": {"x-dead-letter-exchange": "one"}},
            {"arguments": {"x-dead-letter-exchange": "two"}},
            "'x-dead-letter-exchange' for {}: received 'two' but current is 'one'",
        ),
        (
            {"arguments": {"x-dead-letter-exchange": "one", "x-dead-letter-routing-key": "a"}},
            {"arguments": {"x-dead-letter-exchange": "one"}},
            "'x-dead-letter-routing-key' for {}: received none but current is the value 'a' of type 'longstr'",
        ),
        (
            {"arguments": {"x-overflow": "reject-publish"}},
            {"arguments": {"x-overflow": "drop-head"}},
            "'x-overflow' for {}: received 'drop-head' but current is 'reject-publish'",
        ),
        (
            {"arguments": {"x-single-active-consumer": True}},
            {},
            "'x-single-active-consumer' for {}: received none but current is the value 'true' of type 'bool'",
        ),
        (
            {"durable": True, "arguments": {"x-queue-type": "quorum"}},
            {"durable": True},
            "'x-queue-type' for {}: received none but current is the value 'quorum' of type 'longstr'",
        ),
        (
            {"durable": True},
            {"durable": True, "arguments": {"x-queue-type": "quorum"}},
            "'x-queue-type' for {}: received the value 'quorum' of type 'longstr' but current is none",
        ),
    ],
)
def test_another_declaration_is_refused(
    channel: WireChannel, wire: Wire, name: str, first: dict[str, Any], second: dict[str, Any], told: str
) -> None:
    channel.declare(name, **first)
    code, text = refused(channel, Queue.Declare(queue=name, **second))
    wire.channel(2).call(Queue.Delete(queue=name), Queue.DeleteOk)
    wanted = "PRECONDITION_FAILED - inequivalent arg " + told.format(f"queue '{name}' in vhost '/'")
    assert (code, text) == (406, wanted[:255])


def test_classic_is_what_a_queue_is_that_says_nothing(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.declare(name, exclusive=True, arguments={"x-queue-type": "classic"})


def test_numbers_are_compared_by_value(channel: WireChannel, wire: Wire, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-max-length": 100})
    channel.declare(name, exclusive=True, arguments={"x-max-length": 100})


def test_arguments_without_meaning_are_kept_out_of_it(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True, arguments={"x-mine": 1, "other": "x"})
    channel.declare(name, exclusive=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"x-message-ttl": -1}, "invalid arg 'x-message-ttl' for {}: {{value_negative,-1}}"),
        ({"x-message-ttl": "5"}, "invalid arg 'x-message-ttl' for {}: \"expected integer, got longstr\""),
        ({"x-expires": 0}, "invalid arg 'x-expires' for {}: {{value_zero,0}}"),
        ({"x-expires": -70_000}, "invalid arg 'x-expires' for {}: {{value_negative,-70000}}"),
        ({"x-max-length": -5}, "invalid arg 'x-max-length' for {}: {{value_negative,-5}}"),
        ({"x-max-length": "a"}, "invalid arg 'x-max-length' for {}: \"expected integer, got longstr\""),
        ({"x-max-length-bytes": -5}, "invalid arg 'x-max-length-bytes' for {}: {{value_negative,-5}}"),
        ({"x-max-priority": 256}, "invalid arg 'x-max-priority' for {}: {{max_value_exceeded,256}}"),
        ({"x-max-priority": -1}, "invalid arg 'x-max-priority' for {}: {{value_negative,-1}}"),
        ({"x-overflow": "nothing"}, "invalid arg 'x-overflow' for {}: invalid_overflow"),
        ({"x-overflow": 70_000}, "invalid arg 'x-overflow' for {}: {{unacceptable_type,signedint}}"),
        ({"x-dead-letter-exchange": True}, "invalid type 'bool' for arg 'x-dead-letter-exchange' in {}"),
        (
            {"x-dead-letter-routing-key": "k"},
            "invalid arg 'x-dead-letter-routing-key' for {}: routing_key_but_no_dlx_defined",
        ),
        (
            {"x-single-active-consumer": "x"},
            "invalid arg 'x-single-active-consumer' for {}: {{unacceptable_type,longstr}}",
        ),
        (
            {"x-queue-type": "nothing"},
            "invalid arg 'x-queue-type' for {}: \"unsupported queue type 'nothing'\"",
        ),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    channel: WireChannel, name: str, arguments: dict[str, Any], told: str
) -> None:
    code, text = refused(channel, Queue.Declare(queue=name, arguments=arguments))
    assert (code, text) == (406, "PRECONDITION_FAILED - " + told.format(f"queue '{name}' in vhost '/'"))


@pytest.mark.parametrize(
    ("method", "code", "text"),
    [
        (
            Queue.Declare(queue="amq.mine"),
            403,
            "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
        ),
        (Queue.Declare(queue="t-absent", passive=True), 404, "NOT_FOUND - no queue 't-absent' in vhost '/'"),
        (Queue.Purge(queue="t-absent"), 404, "NOT_FOUND - no queue 't-absent' in vhost '/'"),
        (Basic.Get(queue="t-absent"), 404, "NOT_FOUND - no queue 't-absent' in vhost '/'"),
        (Basic.Consume(queue="t-absent"), 404, "NOT_FOUND - no queue 't-absent' in vhost '/'"),
    ],
)
def test_refusals(channel: WireChannel, method: Any, code: int, text: str) -> None:
    assert refused(channel, method) == (code, text)


def test_an_exclusive_queue_is_its_connections_own(wires: Wires, channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    other = wires.open()
    for number, method in enumerate(
        (
            Queue.Declare(queue=name, passive=True),
            Queue.Declare(queue=name),
            Queue.Declare(queue=name, exclusive=True),
            Queue.Bind(queue=name, exchange="amq.direct"),
            Queue.Purge(queue=name),
            Queue.Delete(queue=name),
            Basic.Get(queue=name),
            Basic.Consume(queue=name),
        ),
        start=1,
    ):
        assert refused(other.channel(number), method) == (405, LOCKED.format(name)[:255])
    others = other.channel(20)
    others.confirm_select()
    assert others.put(name, b"may be published to") == [True]
    assert channel.must_get(name).body == b"may be published to"


def test_an_exclusive_queue_goes_with_its_connection(wires: Wires, channel: WireChannel, name: str) -> None:
    other = wires.open()
    other.channel().declare(name, exclusive=True, durable=True)
    other.close()
    channel.declare(name, auto_delete=True)
    assert channel.counts(name) == (0, 0)


def test_a_declaration_that_is_not_exclusive_does_not_match(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    assert refused(channel, Queue.Declare(queue=name)) == (405, LOCKED.format(name)[:255])


def test_auto_delete_goes_with_the_last_consumer(channel: WireChannel, wire: Wire, name: str) -> None:
    channel.declare(name, auto_delete=True)
    channel.get(name)
    one, two = channel.consume(name), channel.consume(name)
    channel.call(Basic.Cancel(one), Basic.CancelOk)
    assert channel.counts(name) == (0, 1)
    channel.call(Basic.Cancel(two), Basic.CancelOk)
    assert refused(channel, Queue.Declare(queue=name, passive=True))[0] == 404


def test_auto_delete_counts_a_consumers_channel_too(wire: Wire, channel: WireChannel, name: str) -> None:
    channel.declare(name, auto_delete=True)
    other = wire.channel(2)
    other.consume(name)
    other.close()
    assert refused(channel, Queue.Declare(queue=name, passive=True))[0] == 404


def test_purge_counts_what_was_ready(channel: WireChannel, name: str) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, *(b"%d" % number for number in range(5)))
    kept = channel.get(name, no_ack=False)
    assert kept is not None
    assert channel.call(Queue.Purge(queue=name), Queue.PurgeOk).message_count == 4
    assert channel.counts(name) == (0, 0)
    channel.reject(kept.tag)
    assert channel.must_get(name).body == b"0"


def test_delete_counts_what_was_ready(channel: WireChannel, name: str) -> None:
    channel.declare(name)
    channel.put(name, b"1", b"2")
    assert channel.call(Queue.Delete(queue=name), Queue.DeleteOk).message_count == 2
    assert channel.call(Queue.Delete(queue=name), Queue.DeleteOk).message_count == 0


def test_delete_spares_one_in_use_or_not_empty_when_asked_to(
    wire: Wire, channel: WireChannel, name: str
) -> None:
    channel.declare(name, exclusive=True)
    channel.put(name, b"1")
    assert refused(wire.channel(2), Queue.Delete(queue=name, if_empty=True)) == (
        406,
        f"PRECONDITION_FAILED - queue '{name}' in vhost '/' not empty",
    )
    channel.drain(name)
    channel.consume(name)
    assert refused(wire.channel(2), Queue.Delete(queue=name, if_unused=True)) == (
        406,
        f"PRECONDITION_FAILED - queue '{name}' in vhost '/' in use",
    )


def test_a_deleted_queue_takes_its_bindings_along(channel: WireChannel, name: str) -> None:
    channel.declare(name)
    channel.bind(name, "amq.topic", f"{name}.#")
    channel.call(Queue.Delete(queue=name), Queue.DeleteOk)
    channel.declare(name, exclusive=True)
    channel.put(f"{name}.x", b"lost", exchange="amq.topic")
    assert channel.counts(name) == (0, 0)


def test_a_queue_that_nobody_uses_expires(channel: WireChannel, wire: Wire, name: str) -> None:
    channel.declare(name, arguments={"x-expires": 300})
    channel.declare(f"{name}-used", arguments={"x-expires": 300})
    tag = channel.consume(f"{name}-used")
    channel.pause(0.8)
    assert refused(wire.channel(2), Queue.Declare(queue=name, passive=True))[0] == 404
    assert channel.counts(f"{name}-used") == (0, 1)
    channel.call(Basic.Cancel(tag), Basic.CancelOk)
    channel.pause(0.8)
    assert refused(wire.channel(2), Queue.Declare(queue=f"{name}-used", passive=True))[0] == 404


def test_asking_for_messages_keeps_a_queue_alive(channel: WireChannel, name: str) -> None:
    channel.declare(name, arguments={"x-expires": 500})
    for _ in range(4):
        channel.pause(0.25)
        channel.get(name)
    assert channel.counts(name) == (0, 0)
    channel.call(Queue.Delete(queue=name), Queue.DeleteOk)


def test_names_may_be_any_text(channel: WireChannel, name: str) -> None:
    """Written by hand: the library refuses to write what it thinks is no name."""
    queue = f"{name} ä€ ' \"".encode()
    declare = b"\x00\x32\x00\x0a\x00\x00" + bytes((len(queue),)) + queue + b"\x04\x00\x00\x00\x00"
    get = b"\x00\x3c\x00\x46\x00\x00" + bytes((len(queue),)) + queue + b"\x01"
    channel.wire.raw(b"".join(struct.pack(">BHI", 1, 1, len(one)) + one + b"\xce" for one in (declare, get)))
    assert channel.expect(Queue.DeclareOk).queue == queue.decode()
    channel.expect(Basic.GetEmpty)
    channel.publish(queue.decode(), b"x")
    channel.wire.raw(struct.pack(">BHI", 1, 1, len(get)) + get + b"\xce")
    assert channel.expect(Basic.GetOk).routing_key == queue.decode()


def test_nowait_is_not_answered(channel: WireChannel, wire: Wire, name: str) -> None:
    channel.send(Queue.Declare(queue=name, exclusive=True, nowait=True), Queue.Purge(queue=name, nowait=True))
    wire.quiet()
    channel.send(Queue.Delete(queue=name, nowait=True))
    wire.quiet()
    with pytest.raises(ClosedError):
        channel.counts(name)
