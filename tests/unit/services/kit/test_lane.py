import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.lane import Lane


@pytest.fixture
async def lane() -> AsyncIterator[Lane]:
    lane = Lane("test", limit=2)
    yield lane
    await lane.close()


async def test_work_is_done_in_order_in_one_other_thread(lane: Lane) -> None:
    done: list[tuple[int, int]] = []

    def work(number: int) -> int:
        done.append((number, threading.get_ident()))
        return number

    results = await asyncio.gather(*(lane.run(partial(work, number), bounded=False) for number in range(20)))
    assert results == list(range(20))
    assert [number for number, _ in done] == list(range(20))
    threads = {thread for _, thread in done}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_what_work_raises_its_caller_hears_and_the_next_is_done(lane: Lane) -> None:
    def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await lane.run(fail)
    assert await lane.run(lambda: 1) == 1


async def test_a_caller_that_is_cancelled_stops_only_work_that_has_not_begun(lane: Lane) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        go_on.wait(5)
        done.append("begun")

    first = asyncio.ensure_future(lane.run(work))  # noqa: TID251 - it is cancelled, which is what is tested
    second = asyncio.ensure_future(lane.run(lambda: done.append("second")))  # noqa: TID251 - as above
    await asyncio.to_thread(begun.wait, 5)
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    go_on.set()
    assert await lane.run(lambda: "after") == "after"
    assert done == ["begun"]


async def test_too_much_waiting_is_refused_unless_it_must_be_done(lane: Lane) -> None:
    go_on = threading.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(lane.run(lambda: go_on.wait(5)))
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="Too many requests are waiting for the test"):
            await lane.run(lambda: None)
        must = group.create_task(lane.run(lambda: "done", bounded=False))
        await asyncio.sleep(0)
        go_on.set()
    assert must.result() == "done"
    assert await lane.run(lambda: 1) == 1


async def test_closing_lets_work_end_and_drops_what_waits() -> None:
    lane = Lane("test", limit=10)
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work() -> str:
        begun.set()
        go_on.wait(5)
        done.append("first")
        return "ended"

    async with asyncio.TaskGroup() as group:
        first = group.create_task(lane.run(work))
        await asyncio.to_thread(begun.wait, 5)
        second = group.create_task(_outcome(lane.run(lambda: done.append("second"))))
        closing = group.create_task(lane.close())
        await asyncio.sleep(0)
        go_on.set()
        await closing
    assert first.result() == "ended"
    assert second.result() == "cancelled"
    assert done == ["first"]
    with pytest.raises(RuntimeError, match="closed"):
        await lane.run(lambda: None)


async def _outcome(waiting: "asyncio.Future[object] | object") -> str:
    try:
        await waiting  # type: ignore[misc]  # whatever can be awaited
    except asyncio.CancelledError:
        return "cancelled"
    return "done"
