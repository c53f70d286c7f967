import asyncio
from collections.abc import Callable

import pytest

from embedded_services.common.tasks import Tasks


async def test_tasks_end_with_their_owner() -> None:
    ended = asyncio.Event()

    async def stay() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Tasks("owner") as tasks:
        tasks.spawn(stay(), "stay")
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_failure_that_nobody_awaits_is_logged_with_the_task_s_name(
    expect_log: Callable[[str], None],
) -> None:
    expect_log("task owner:fragile failed")
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise RuntimeError("broken")

    async with Tasks("owner") as tasks:
        tasks.spawn(fail(), "fragile")
        await failed.wait()


async def test_failure_leaves_siblings_running(expect_log: Callable[[str], None]) -> None:
    expect_log("fragile failed")
    go_on, done = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        go_on.set()
        raise RuntimeError("broken")

    async def work() -> None:
        await go_on.wait()
        await asyncio.sleep(0)
        done.set()

    async with Tasks("owner") as tasks:
        tasks.spawn(work(), "sibling")
        tasks.spawn(fail(), "fragile")
        await asyncio.wait_for(done.wait(), 5)


async def test_awaited_task_tells_its_failure_to_who_awaits() -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    async with Tasks("owner") as tasks:
        with pytest.raises(RuntimeError, match="broken"):
            await tasks.start(fail(), "asked for")


async def test_cancelled_task_is_no_failure() -> None:
    async with Tasks("owner") as tasks:
        tasks.spawn(asyncio.Event().wait(), "waiting")
