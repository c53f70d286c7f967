"""The embedded broker under load, killed, frozen, cut off and slowed down: nothing that it confirmed is lost, and nothing
comes twice without being called redelivered.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from embedded_services.common.tasks import Tasks
from tests.helpers import broker_load
from tests.helpers.broker_load import Account
from tests.helpers.broker_node import EmbeddedNode
from tests.helpers.tcp_proxy import TcpProxy

FAULTS = ("kill", "freeze", "cut", "slow")
SAMPLE = (("kill", False, True), ("freeze", True, False), ("cut", False, True), ("slow", True, True))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path)
    node.start()
    yield node
    node.stop()


async def fail(fault: str, node: EmbeddedNode, proxy: TcpProxy, random: Random) -> None:
    """Once, and mended again."""
    span = random.uniform(0.02, 0.3)
    if fault == "kill":
        node.kill()
        await asyncio.to_thread(node.start)
    elif fault == "freeze":
        node.freeze()
        await asyncio.sleep(span)  # how long it is frozen
        node.thaw()
    elif fault == "cut":
        proxy.cut()
        await asyncio.sleep(span)  # how long it is cut off
        proxy.mend()
    else:
        proxy.is_slow = True
        await asyncio.sleep(span)  # how long it is slow
        proxy.is_slow = False


async def account_of(
    node: EmbeddedNode, fault: str, *, pull: bool, dead_letters: bool, rounds: int, seed: str
) -> Account:
    random, account, stopped = Random(seed), Account(), asyncio.Event()
    async with TcpProxy(node.port, random).serving() as proxy:
        url = node.url.replace(str(node.port), str(proxy.port))
        async with broker_load.connected(node.url) as channel:
            await broker_load.declare(channel, dead_letters=dead_letters)
        async with Tasks("load") as tasks:
            tasks.spawn(broker_load.publish(url, account, stopped), "publish")
            tasks.spawn(
                broker_load.consume(url, account, stopped, pull=pull, dead_letters=dead_letters), "consume"
            )
            for _ in range(rounds):
                await account.more_confirmed(100)
                await asyncio.sleep(random.uniform(0.0, 0.1))  # the moment is what is being tested
                await fail(fault, node, proxy, random)
            stopped.set()
            await asyncio.sleep(broker_load.PATIENCE_S)  # what was sent is answered or never will be
        await broker_load.drain(node.url, account, dead_letters=dead_letters)
    return account


async def nothing_is_lost(
    node: EmbeddedNode, fault: str, *, pull: bool, dead_letters: bool, rounds: int
) -> None:
    seed = f"{fault} {pull} {dead_letters}"
    account = await account_of(node, fault, pull=pull, dead_letters=dead_letters, rounds=rounds, seed=seed)
    assert account.complaints() == {}, seed
    assert len(account.confirmed) >= rounds * 100
    assert bool(account.dead) is dead_letters


@pytest.mark.parametrize(("fault", "pull", "dead_letters"), SAMPLE)
async def test_no_confirmed_message_is_lost(
    node: EmbeddedNode, fault: str, pull: bool, dead_letters: bool
) -> None:
    await nothing_is_lost(node, fault, pull=pull, dead_letters=dead_letters, rounds=3)


@pytest.mark.slow
@pytest.mark.parametrize("dead_letters", [False, True], ids=["plain", "dead-letters"])
@pytest.mark.parametrize("pull", [False, True], ids=["push", "pull"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_confirmed_message_is_lost_in_ten_rounds(
    node: EmbeddedNode, fault: str, pull: bool, dead_letters: bool
) -> None:
    await nothing_is_lost(node, fault, pull=pull, dead_letters=dead_letters, rounds=10)
