"""Which broker a system uses: that of its settings from the next start on, another for one run by the command line; and no
password of either can be read.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from embedded_services.client.errors import ControlError
from embedded_services.client.stream_client import StreamClient
from embedded_services.contracts.events import NewEvent
from embedded_services.contracts.stream import Snapshot
from tests.helpers.broker_node import EmbeddedNode
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem, away_from_others, running_system

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "guest"
SMTP = {"host": "127.0.0.1", "port": 2525, "user": "shop", "password": "never-shown"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path_factory.mktemp("broker"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return away_from_others(tmp_path_factory.mktemp("settings") / "ws")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(folder: Path) -> AsyncIterator[RunningSystem]:
    async with running_system(folder, "--replicas", "1") as system:
        yield system


async def test_a_broker_is_written_down_and_the_run_goes_on_with_the_one_it_has(
    system: RunningSystem, node: EmbeddedNode
) -> None:
    state = await system.control.patch_settings({"broker": {"url": node.url}, "delivery": {"smtp": SMTP}})
    assert state.settings.broker.url == node.url.replace(f":{PASSWORD}@", ":•••@")
    assert state == await system.control.settings()
    assert state.settings.delivery.smtp is not None
    assert state.settings.delivery.smtp.password == "•••"
    assert (await system.control.publish_event(NewEvent(type="order.created"))).routed
    assert {row.name for row in (await system.control.processes()).items} >= {"broker"}


async def test_passwords_are_neither_streamed_nor_logged(system: RunningSystem, folder: Path) -> None:
    ready = system.ready
    async with StreamClient(ready.control, ready.token, ["settings", "system"]) as stream:
        first = await anext(aiter(stream))
        assert isinstance(first, Snapshot)
        shown = msgspec.json.encode(first.state)
    assert b"2525" in shown
    assert b"never-shown" not in shown
    assert b"never-shown" not in msgspec.json.encode((await system.control.logs()).items)
    assert not [log for log in (folder / "logs").iterdir() if b"never-shown" in log.read_bytes()]


async def test_the_broker_of_the_settings_can_be_tested_by_its_mask(
    system: RunningSystem, node: EmbeddedNode
) -> None:
    shown = (await system.control.settings()).settings.broker.url
    assert shown is not None
    assert (await system.control.test_broker(shown)).ok
    with pytest.raises(ControlError, match="write the password"):
        await system.control.test_broker(shown.replace("127.0.0.1", "127.0.0.2"))


async def test_from_the_next_start_on_it_is_the_one_of_the_settings(
    system: RunningSystem, node: EmbeddedNode, folder: Path
) -> None:
    system.launch.process.terminate()
    assert await system.launch.exit_code() == 0
    async with running_system(folder, "--replicas", "1") as again:
        assert "broker" not in {row.name for row in (await again.control.processes()).items}
        assert again.ready.broker == node.url

        async def published() -> Any:
            try:
                return (await again.control.publish_event(NewEvent(type="order.created"))).message_id
            except ControlError:
                return None

        assert await until(published, 10.0)
        assert f":{PASSWORD}@" not in str((await again.control.system()).broker)
        assert (await again.control.patch_settings({"broker": None})).settings.broker.url is None


async def test_the_command_line_wins_for_its_run_alone(node: EmbeddedNode, folder: Path) -> None:
    async with running_system(folder, "--replicas", "1", "--broker-url", node.url) as system:
        assert system.ready.broker == node.url
        assert (await system.control.settings()).settings.broker.url is None
