"""The clients that people use, at their ordinary work."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import aio_pika
import pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.helpers.broker_node import BrokerNode
from tests.helpers.eventually import until
from tests.helpers.node import installed

DRIVER = Path(__file__).resolve().parents[1] / "helpers" / "amqplib" / "driver.js"


def test_amqplib_for_node(broker: BrokerNode, name: str) -> None:
    done = subprocess.run(
        ["node", str(installed(DRIVER)), broker.url, name],
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "confirmed": 200,
        "returned": "NO_ROUTE",
        "inOrder": True,
        "again": True,
        "dead": ["5", "rejected"],
        "large": True,
        "headers": True,
        "refused": "Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "
        f"\"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
        "received 'false' but current is 'true'\"",
        "missing": "Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "
        f"\"NOT_FOUND - no queue '{name}.absent' in vhost '/'\"",
        "purged": 0,
    }


def test_pika(broker: BrokerNode, name: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(name, exclusive=True, arguments={"x-max-priority": 5})
        for priority in (1, 5, 3):
            channel.basic_publish(
                "", name, f"{priority}".encode(), pika.BasicProperties(priority=priority), mandatory=True
            )
        with pytest.raises(pika.exceptions.UnroutableError):
            channel.basic_publish("", f"{name}.absent", b"x", mandatory=True)
        bodies = []
        for method, _, body in channel.consume(name, inactivity_timeout=5):
            channel.basic_ack(method.delivery_tag)
            bodies.append(body)
            if len(bodies) == 3:
                break
        channel.cancel()
        assert bodies == [b"5", b"3", b"1"]
        other = connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as closed:
            other.queue_declare(f"{name}.absent", passive=True)
        assert closed.value.reply_code == 404


def test_pika_learns_that_it_is_held_back(broker: BrokerNode, name: str) -> None:
    if broker.name == "rabbitmq":
        pytest.skip("its alarms are seen by a plain client; they take seconds")
    told: list[str] = []
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        connection.add_on_connection_blocked_callback(lambda _, frame: told.append(frame.method.reason))
        connection.add_on_connection_unblocked_callback(lambda *_: told.append("free"))
        channel = connection.channel()
        channel.queue_declare(name, exclusive=True)
        broker.hold_publishers()
        try:
            while not told:
                channel.basic_publish("", name, b"x")
                connection.process_data_events(0.05)
        finally:
            broker.release_publishers()
        while told[-1] != "free":
            connection.process_data_events(0.05)
    assert told == ["low on memory", "free"]


async def test_aio_pika(broker: BrokerNode, name: str) -> None:
    connection = await aio_pika.connect_robust(broker.url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.set_qos(20)
        exchange = await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, auto_delete=True)
        queue = await channel.declare_queue(name, exclusive=True)
        await queue.bind(exchange, "order.#")
        got: list[bytes] = []
        done = asyncio.Event()

        async def take(message: AbstractIncomingMessage) -> None:
            async with message.process():
                got.append(message.body)
                if len(got) == 200:
                    done.set()

        tag = await queue.consume(take)
        bodies = [f"{number}".encode() for number in range(200)]
        await asyncio.gather(
            *(exchange.publish(_persistent(body), "order.created", mandatory=True) for body in bodies)
        )
        async with asyncio.timeout(10):
            await done.wait()
        assert got == bodies
        await queue.cancel(tag)
        with pytest.raises(aio_pika.exceptions.PublishError):
            await exchange.publish(_persistent(b"x"), "nobody", mandatory=True)


async def test_aio_pika_comes_back_after_a_kill(embedded_node: BrokerNode, name: str) -> None:
    connection = await aio_pika.connect_robust(embedded_node.url, reconnect_interval=0.05)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(name, durable=True)
        await channel.default_exchange.publish(_persistent(b"before"), name)
        embedded_node.kill()
        embedded_node.start()

        async def published() -> bool:
            try:
                await channel.default_exchange.publish(_persistent(b"after"), name)
            except (aio_pika.exceptions.AMQPError, ConnectionError, RuntimeError):
                return False
            return True

        await until(published, within_s=10.0)
        assert [(await _next(queue)).body for _ in range(2)] == [b"before", b"after"]
        await queue.delete(if_unused=False, if_empty=False)


async def _next(queue: Any) -> AbstractIncomingMessage:
    message: AbstractIncomingMessage = await queue.get(no_ack=True)
    return message


def _persistent(body: bytes) -> aio_pika.Message:
    return aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
