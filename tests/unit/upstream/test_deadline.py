import asyncio
import threading

from embedded_services.upstream.deadline import Deadline


class Watch:
    """A deadline, and how often it was missed."""

    def __init__(self) -> None:
        self.missed = 0
        self.happened = asyncio.Event()
        self.deadline = Deadline(asyncio.get_running_loop(), self._miss)

    def _miss(self) -> None:
        self.missed += 1
        self.happened.set()


async def test_a_deadline_that_passes_is_missed_once() -> None:
    watch = Watch()
    started = asyncio.get_running_loop().time()
    watch.deadline.set(0.03)
    await watch.happened.wait()
    assert asyncio.get_running_loop().time() - started >= 0.03
    await asyncio.sleep(0.05)
    assert watch.missed == 1


async def test_a_deadline_that_is_put_off_in_time_is_not_missed() -> None:
    watch = Watch()
    for _ in range(8):
        watch.deadline.set(0.04)
        await asyncio.sleep(0.01)
    assert watch.missed == 0
    await watch.happened.wait()
    assert watch.missed == 1


async def test_a_deadline_can_be_moved_closer() -> None:
    watch = Watch()
    watch.deadline.set(60)
    watch.deadline.set(0.01)
    await asyncio.wait_for(watch.happened.wait(), 1)


async def test_a_deadline_that_is_cleared_or_closed_is_never_missed() -> None:
    cleared, closed = Watch(), Watch()
    for watch in (cleared, closed):
        watch.deadline.set(0.01)
    cleared.deadline.clear()
    closed.deadline.close()
    await asyncio.sleep(0.03)
    assert (cleared.missed, closed.missed) == (0, 0)
    cleared.deadline.set(0.01)
    await asyncio.wait_for(cleared.happened.wait(), 1)


async def test_what_came_while_the_loop_was_held_up_is_read_before_a_deadline_is_missed() -> None:
    watch = Watch()
    watch.deadline.set(0.01)
    threading.Event().wait(0.2)
    await asyncio.sleep(0)
    assert watch.missed == 0
    watch.deadline.clear()
    await asyncio.sleep(0.08)
    assert watch.missed == 0
    watch.deadline.set(0.01)
    threading.Event().wait(0.2)
    await asyncio.wait_for(watch.happened.wait(), 1)
    assert watch.missed == 1
