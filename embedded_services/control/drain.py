"""Graceful leaving: out of rotation first, then wait until nobody is being served, then end the process."""

from collections.abc import Callable

from embedded_services.common import platform
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Status
from embedded_services.control.calls import CallBook
from embedded_services.control.launcher import Child, end_within
from embedded_services.control.slots import Slot
from embedded_services.registry.lifecycle import Draining

SETTLE_S = 0.6
"""Two beats: until then a caller may not have said that it has a request under way."""
LONGEST_S = 10.0
STEP_S = 0.1
TERMINATE_S = 3.0


class Drain:
    def __init__(self, calls: CallBook, clock: Clock, tasks: Tasks) -> None:
        self._calls = calls
        self._clock = clock
        self._tasks = tasks
        self._under_way: dict[str, Callable[[], None]] = {}

    def begin(self, slot: Slot, why: str, then: Callable[[], None] | None = None) -> None:
        """Take `slot` out; its process ends when nothing is in flight, after 10 s at the latest, and stays away."""
        self.cancel(slot)
        slot.wanted = False
        child = slot.running
        if child is not None:
            if slot.catalog.get(slot.id).status is Status.FROZEN:
                slot.asked = why
                child.signal(platform.kill)
            else:
                slot.catalog.apply(slot.id, Draining(why), self._clock.now(), cause="action")
        self._under_way[slot.id] = self._tasks.spawn(
            self._finish(slot, child, why, then), f"drain of {slot.id}"
        )

    def cancel(self, slot: Slot) -> None:
        """Let it be. A process that was told to end already still does, and is started again if it is wanted."""
        cancel = self._under_way.pop(slot.id, None)
        if cancel is not None:
            cancel()

    async def _finish(
        self, slot: Slot, child: Child | None, why: str, then: Callable[[], None] | None
    ) -> None:
        if child is not None and slot.catalog.get(slot.id).status is Status.DRAINING:
            await self._until_idle(slot)
            slot.asked = why
            child.signal(platform.terminate)
        if child is not None:
            await end_within(child, TERMINATE_S)
        self._under_way.pop(slot.id, None)
        if then is not None:
            then()

    async def _until_idle(self, slot: Slot) -> None:
        deadline = self._clock.monotonic() + LONGEST_S
        await self._clock.sleep(SETTLE_S)
        while self._calls.of(slot.id).in_flight and self._clock.monotonic() < deadline:
            await self._clock.sleep(STEP_S)
