"""A broker for the tests of services that talk to each other."""

from collections.abc import Iterator

import pika
import pytest

from embedded_services.bus import names
from tests.helpers.broker_node import BrokerNode, EmbeddedNode

QUEUES = ("order.events", "notification.events", "notification.deliveries")


@pytest.fixture(scope="session")
def services_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerNode]:
    node = EmbeddedNode(tmp_path_factory.mktemp("broker"))
    node.start()
    yield node
    node.stop()


@pytest.fixture
def node(services_node: BrokerNode) -> Iterator[BrokerNode]:
    """Running and empty, and it is again after the test: services' queues are named for the services."""
    waits = set(names.RETRY_AFTER_MS)
    yield services_node
    if not services_node.is_running:
        services_node.start()
    with pika.BlockingConnection(pika.URLParameters(services_node.url)) as connection:
        channel = connection.channel()
        for queue in QUEUES:
            retries = [names.retry_queue(queue, wait) for wait in {*waits, *names.RETRY_AFTER_MS}]
            for name in (queue, names.dead_queue(queue), *retries):
                channel.queue_delete(name)
