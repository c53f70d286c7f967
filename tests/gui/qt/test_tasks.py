"""Tasks end with their owner, and somebody hears of their failure."""

import asyncio
from typing import Any

from PySide6.QtCore import QObject

from app.qt.tasks import Latest, spawn
from tests.helpers.qt import eventually


class Work:
    """Something that takes until it is told to end, and says how it did."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.ended = ""

    async def __call__(self, failure: Exception | None = None) -> str:
        self.begun.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        if failure is not None:
            raise failure
        return "result"


async def test_a_task_gives_its_result_and_is_named_for_its_owner() -> None:
    owner, work = QObject(), Work()
    owner.setObjectName("services")
    task = spawn(owner, work(), "drain user-1")
    work.release.set()
    assert await task == "result"
    assert task.get_name() == "services:drain user-1"


async def test_a_task_ends_with_its_owner() -> None:
    owner, work = QObject(), Work()
    task = spawn(owner, work(), "work")
    await work.begun.wait()
    owner.deleteLater()
    await eventually(task.done)
    assert work.ended == "cancelled"


async def test_a_failure_goes_to_whoever_was_named() -> None:
    owner, work = QObject(), Work()
    told: list[Exception] = []
    _ = spawn(owner, work(ValueError("no")), "work", on_error=told.append)
    work.release.set()
    await eventually(lambda: told)
    assert str(told[0]) == "no"


async def test_a_failure_that_nobody_was_named_for_goes_to_the_loop() -> None:
    owner, work = QObject(), Work()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    _ = spawn(owner, work(ValueError("no")), "work")
    work.release.set()
    await eventually(lambda: told)
    assert told[0]["message"] == "task QObject:work failed"
    asyncio.get_running_loop().set_exception_handler(None)


async def test_being_cancelled_is_no_failure() -> None:
    owner, work = QObject(), Work()
    told: list[Exception] = []
    task = spawn(owner, work(), "work", on_error=told.append)
    await work.begun.wait()
    task.cancel()
    await eventually(task.done)
    assert told == []


async def test_of_several_requests_only_the_newest_is_carried_out() -> None:
    owner, first, second = QObject(), Work(), Work()
    latest = Latest(owner)
    latest.spawn(first(), "ask")
    await first.begun.wait()
    latest.spawn(second(), "ask again")
    await second.begun.wait()
    second.release.set()
    await eventually(lambda: not latest.is_running)
    assert (first.ended, second.ended) == ("cancelled", "done")
