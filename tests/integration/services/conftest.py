"""A broker for the tests of services that talk to each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.broker_node import BrokerNode, EmbeddedNode


@pytest.fixture
def node(tmp_path: Path) -> Iterator[BrokerNode]:
    """Of this test alone: services' queues are named for the services."""
    folder = tmp_path / "broker"
    folder.mkdir()
    node = EmbeddedNode(folder)
    node.start()
    yield node
    node.stop()
