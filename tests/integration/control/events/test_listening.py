"""Services may have told a lot before the control plane listens: it is waited for, and what it may have missed is said."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.control.events.desk import EventDesk
from tests.helpers.broker_node import EmbeddedNode
from tests.helpers.eventually import until


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    folder = tmp_path / "broker"
    folder.mkdir()
    node = EmbeddedNode(folder)
    node.start()
    yield node
    node.stop()


def desk_in(folder: Path) -> EventDesk:
    return EventDesk(folder, SystemClock(), lambda *_: None, list)


async def test_the_tap_is_there_before_anybody_tells_something(node: EmbeddedNode, tmp_path: Path) -> None:
    desk = desk_in(tmp_path)
    async with desk.serving():
        desk.connect(node.url, embedded=False)
        await desk.listening(10.0)
        assert desk.link.reading.connected.is_set()
        assert desk.link.tap.gaps == 0


async def test_what_passed_before_a_late_tap_is_a_gap(
    node: EmbeddedNode, tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot connect")
    node.kill()
    desk = desk_in(tmp_path)
    async with desk.serving():
        desk.connect(node.url, embedded=False)
        await desk.listening(0.05)
        node.start()

        async def connected() -> Any:
            return desk.link.reading.connected.is_set() or None

        await until(connected, 10.0)
        assert desk.link.tap.gaps == 1
        assert desk.link.tap.gap_at is not None
