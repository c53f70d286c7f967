"""What is there again after a restart, and what is not."""

import pytest
from pamqp import commands

from tests.helpers.amqp_wire import Wire
from tests.helpers.broker_node import BrokerNode

Queue = commands.Queue


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_keeps_what_is_durable(embedded_node: BrokerNode, name: str, end: str) -> None:
    restart_keeps(embedded_node, name, end)


@pytest.mark.slow  # it takes ten seconds to start
@pytest.mark.timeout(90)
def test_a_restart_of_rabbitmq_keeps_what_is_durable(rabbitmq_node: BrokerNode, name: str) -> None:
    restart_keeps(rabbitmq_node, name, "stop")


def restart_keeps(broker: BrokerNode, name: str, end: str) -> None:
    with Wire(broker.port) as wire:
        channel = wire.channel()
        channel.confirm_select()
        channel.exchange(name, "topic", durable=True)
        channel.exchange(f"{name}-gone", "topic")
        channel.declare(name, durable=True, arguments={"x-max-length": 100_000})
        channel.declare(f"{name}-dead", durable=True)
        channel.declare(f"{name}-gone")
        channel.declare(f"{name}-quorum", durable=True, arguments={"x-queue-type": "quorum"})
        channel.bind(name, name, "a.#")
        channel.bind(f"{name}-gone", name, "a.#")
        channel.bind_exchange("amq.fanout", name, "b")
        channel.put("a.1", b"kept 1", exchange=name, delivery_mode=2, headers={"double": 0.1})
        channel.put("a.2", b"lost", exchange=name, delivery_mode=1)
        channel.put("a.3", b"kept 2", exchange=name, delivery_mode=2)
        channel.put("a.4", b"acked", exchange=name, delivery_mode=2)
        channel.put("a.5", b"kept 3", exchange=name, delivery_mode=2)
        channel.put(f"{name}-quorum", b"kept", delivery_mode=1)
        seen = [channel.must_get(name, no_ack=False) for _ in range(4)]
        assert [message.body for message in seen] == [b"kept 1", b"lost", b"kept 2", b"acked"]
        channel.ack(seen[3].tag)
        assert channel.counts(name) == (1, 0)
    getattr(broker, end)()
    broker.start()
    with Wire(broker.port) as wire:
        channel = wire.channel()
        channel.declare(name, durable=True, arguments={"x-max-length": 100_000})
        got = [channel.must_get(name) for _ in range(3)]
        assert [message.body for message in got] == [b"kept 1", b"kept 2", b"kept 3"]
        assert [message.redelivered for message in got][:2] == [True, True]
        assert channel.get(name) is None
        assert channel.must_get(f"{name}-quorum").body == b"kept"
        channel.publish("a.6", b"still bound", name)
        assert channel.must_get(name).body == b"still bound"
        for absent in (
            Queue.Declare(queue=f"{name}-gone", passive=True),
            commands.Exchange.Declare(exchange=f"{name}-gone", passive=True),
        ):
            other = wire.channel(2)
            other.send(absent)
            assert other.refused().code == 404
        for queue in (name, f"{name}-dead", f"{name}-quorum"):
            channel.call(Queue.Delete(queue=queue), Queue.DeleteOk)
