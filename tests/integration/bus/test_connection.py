"""A broker whose address comes later, goes, and is another then: it is followed, and what is told waits meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from embedded_services.bus import names
from embedded_services.bus.subscriber import Handler
from tests.helpers.broker_node import BrokerNode, EmbeddedNode
from tests.helpers.bus import End, effect, joined

TOLD = "thing.happened"


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[tuple[BrokerNode, BrokerNode]]:
    """Two brokers that know nothing of each other."""
    async with AsyncExitStack() as stack:
        both = []
        for name in ("here", "there"):
            folder = tmp_path / name
            folder.mkdir()
            node = EmbeddedNode(folder)
            node.start()
            stack.callback(node.stop)
            both.append(node)
        yield both[0], both[1]


def noting(end: End) -> dict[str, Handler]:
    return {TOLD: effect(end, lambda arrived: str(arrived.event.data["n"]))}


async def all_told(end: End) -> None:
    """Nothing waits any more."""
    async with asyncio.timeout(10):
        end.changed.clear()
        while await end.waiting():
            await end.changed.wait()
            end.changed.clear()


async def test_what_is_told_before_the_broker_is_known_waits_for_it(
    nodes: tuple[BrokerNode, BrokerNode], tmp_path: Path
) -> None:
    async with joined(None, tmp_path, "shop", handlers=noting, topology=_topology()) as end:
        await end.publish(TOLD, 1, 2)
        assert await end.waiting() == 2
        assert not end.bus.connected.is_set()
        end.bus.move(nodes[0].url)
        await all_told(end)
        await end.until(lambda: len(end.handled) == 2)
        assert await end.effects() == ["1", "2"]


async def test_a_broker_that_moves_is_followed_and_the_one_before_left_at_once(
    nodes: tuple[BrokerNode, BrokerNode], tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("no longer where it was")
    here, there = nodes
    async with (
        joined(here.url, tmp_path, "till") as end,
        joined(there.url, tmp_path / "there", "shop", handlers=noting) as other,
    ):
        await asyncio.gather(end.bus.connected.wait(), other.bus.connected.wait())
        end.bus.move(None)
        assert not end.bus.connected.is_set()
        await end.publish(TOLD, 1)
        assert await end.waiting() == 1
        end.bus.move(there.url)
        async with asyncio.timeout(10):
            await end.bus.connected.wait()
        await end.publish(TOLD, 2)
        await all_told(end)
        await other.until(lambda: len(other.handled) == 2)
        assert await other.effects() == ["1", "2"]


async def test_an_attempt_at_an_address_that_does_not_answer_is_given_up_for_the_next_address(
    nodes: tuple[BrokerNode, BrokerNode], tmp_path: Path
) -> None:
    here, _ = nodes
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, joined(f"amqp://127.0.0.1:{port}/", tmp_path, "shop") as end:
        end.bus.move(here.url)
        async with asyncio.timeout(3):  # an attempt takes longer
            await end.bus.connected.wait()


def _topology() -> dict[str, tuple[str, ...]]:
    return {names.queue_of("shop"): (TOLD,)}
