"""The tap when the control plane is too slow: nobody waits for it, and what it cannot take is counted."""

import asyncio

from aiormq.abc import DeliveredMessage

from embedded_services.bus import names
from embedded_services.bus.connection import BusConnection
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.control.events.tap import Tap
from tests.contract.conftest import Wires
from tests.helpers.broker_node import BrokerNode

BURST = 3_000
BODY = b"x" * 8_192
BOUND = 100


async def test_events_that_a_frozen_control_plane_cannot_take_are_counted_one_by_one(
    broker: BrokerNode, wires: Wires, name: str
) -> None:
    taken: list[DeliveredMessage] = []
    lost: list[int] = []
    all_told = asyncio.Event()

    def told() -> None:
        if len(taken) + len(lost) >= BURST:
            all_told.set()

    def take(message: DeliveredMessage) -> None:
        taken.append(message)
        told()

    def lose(count: int) -> None:
        lost.append(count)
        told()

    bus = BusConnection(broker.url, "test", SystemClock())
    tap = Tap(bus, SystemClock(), take, lose, max_length=BOUND)
    async with Tasks("test") as tasks:
        tasks.spawn(bus.run(), "bus")
        await bus.connected.wait()
        channel = wires.channel()
        channel.declare(name)
        channel.bind(name, names.EXCHANGE, f"{name}.#")
        # The loop stands still while this thread publishes and waits for the broker: a frozen process does no less.
        for _ in range(0, BURST, 500):
            assert all(channel.put(f"{name}.created", *([BODY] * 500), exchange=names.EXCHANGE))
        assert channel.counts(name)[0] == BURST, "the service's own queue has all of them"
        async with asyncio.timeout(20.0):
            await all_told.wait()
        assert len(taken) + sum(lost) == BURST
        assert len(taken) >= BOUND
        assert len(lost) > 0
        assert tap.gaps == 0
