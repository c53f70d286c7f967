from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.broker_node import EmbeddedNode


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path)
    node.start()
    yield node
    node.stop()
