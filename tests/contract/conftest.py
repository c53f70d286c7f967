"""Both brokers that the services may talk to. Each is started once for all tests of a run, so a test takes new names."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.helpers.amqp_wire import Wire, WireChannel
from tests.helpers.broker_node import BrokerNode, EmbeddedNode
from tests.helpers.rabbitmq import RabbitNode, need_rabbitmq


@pytest.fixture(scope="session")
def embedded_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerNode]:
    node = EmbeddedNode(tmp_path_factory.mktemp("embedded"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerNode]:
    need_rabbitmq()
    node = RabbitNode(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.end()


@pytest.fixture(scope="session", params=["embedded", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> BrokerNode:
    node: BrokerNode = request.getfixturevalue(f"{request.param}_node")
    return node


@pytest.fixture
def wires(broker: BrokerNode) -> Iterator["Wires"]:
    with ExitStack() as stack:
        yield Wires(broker, stack)


@pytest.fixture
def wire(wires: "Wires") -> Wire:
    return wires.open()


@pytest.fixture
def channel(wire: Wire) -> WireChannel:
    """A channel that confirms."""
    channel = wire.channel()
    channel.confirm_select()
    return channel


@pytest.fixture
def name() -> str:
    """Nobody else's."""
    return f"t-{uuid.uuid4().hex[:12]}"


class Wires:
    """Connections of one test, closed at its end."""

    def __init__(self, broker: BrokerNode, stack: ExitStack) -> None:
        self._broker = broker
        self._stack = stack

    def open(self, **options: object) -> Wire:
        return self._stack.enter_context(Wire(self._broker.port, **options))  # type: ignore[arg-type]  # as Wire's

    def channel(self, **options: object) -> WireChannel:
        """On a connection of its own."""
        channel = self.open(**options).channel()
        channel.confirm_select()
        return channel
