import asyncio
from pathlib import Path

import pytest

from embedded_services.broker.broker import Broker
from embedded_services.broker.exchanges import Binding, Destination
from embedded_services.broker.handshake import Login
from embedded_services.broker.report import QueueReport
from embedded_services.common.platform import listening_socket
from tests.helpers.clock import FakeClock


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "broker.db", Login("guest", "guest"), FakeClock())


async def test_all_queues_are_told_when_one_has_changed_and_again_to_a_new_link(broker: Broker) -> None:
    with listening_socket("127.0.0.1", 0) as sock:
        async with broker.serving(sock):
            report = QueueReport(broker)
            first = report()
            assert first is not None
            assert first.queues == []
            assert report() is None
            broker.vhost.topology.declare(
                "events", "topic", durable=True, auto_delete=False, internal=False, arguments={}
            )
            broker.vhost.declare_queue(
                "order.events",
                None,
                durable=True,
                exclusive=False,
                auto_delete=False,
                arguments={"x-max-length": 5},
            )
            broker.vhost.topology.bind(Binding("events", Destination("queue", "order.events"), "order.*", {}))
            told = report()
            assert told is not None
            assert told.queues is not None
            (queue,) = told.queues
            assert (queue.name, queue.type, queue.durable, queue.ready, queue.bound) == (
                "order.events",
                "classic",
                True,
                0,
                ["order.*"],
            )
            assert queue.arguments == {"x-max-length": 5}
            await asyncio.sleep(0)
            report.again()
            assert report() == told
