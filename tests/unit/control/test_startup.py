"""A start is over when all are healthy at once and are heard, when one cannot be had, or when it is stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.control import startup
from embedded_services.control.startup import StartError, Startup
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.lifecycle import CheckPassed, Entry, Exited, Started


@dataclass
class Start:
    catalog: Catalog
    stop: asyncio.Event
    heard: asyncio.Event
    startup: Startup
    ready: "asyncio.Task[bool]"

    def start(self, *instances: str) -> None:
        for instance in instances:
            entry = Entry(id=instance, service="user", host="", port=1, since=0.0, registered_at=0.0)
            self.catalog.add(entry, cause="start")
            self.catalog.apply(instance, Started(1, 7, 1), 0.0, cause="start")

    def pass_check(self, instance: str) -> None:
        self.catalog.apply(instance, CheckPassed(1.0), 1.0, cause="check")
        self.startup.consider()

    async def is_over(self) -> bool:
        return bool((await asyncio.wait({self.ready}, timeout=0.01))[0])


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    catalog = Catalog(Ring(100), HealthPolicy)
    catalog.declare(["user"])
    async with Tasks("test") as tasks:
        stop, heard = asyncio.Event(), asyncio.Event()
        started = Startup((catalog,), stop, tasks)
        ready = tasks.start(started.until_ready(heard), "ready")
        yield Start(catalog, stop, heard, started, ready)


async def test_it_is_ready_when_all_are_healthy_and_heard(start: Start) -> None:
    start.start("user-1", "user-2")
    start.pass_check("user-1")
    assert not await start.is_over()
    start.pass_check("user-2")
    assert not await start.is_over()
    start.heard.set()
    assert await start.ready is True


async def test_that_one_of_them_was_healthy_before_another_is_not_enough(start: Start) -> None:
    start.heard.set()
    start.start("user-1", "user-2")
    start.pass_check("user-1")
    start.catalog.apply("user-1", Exited("killed"), 2.0, cause="exit")
    start.pass_check("user-2")
    assert not await start.is_over()


async def test_a_process_that_cannot_be_had_ends_it_with_the_reason(
    start: Start, expect_log: Callable[[str], None]
) -> None:
    expect_log("does not stay up")
    start.startup.fail("user-1 does not stay up")
    assert start.stop.is_set()
    with pytest.raises(StartError, match="user-1 does not stay up"):
        await start.ready


async def test_one_that_cannot_be_had_later_ends_nothing(
    start: Start, expect_log: Callable[[str], None]
) -> None:
    expect_log("does not stay up")
    start.start("user-1")
    start.pass_check("user-1")
    start.heard.set()
    assert await start.ready
    start.startup.fail("user-1 does not stay up")
    assert not start.stop.is_set()


async def test_a_start_that_is_stopped_is_not_ready(start: Start) -> None:
    start.stop.set()
    assert await start.ready is False


async def test_who_is_not_healthy_in_time_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "START_WITHIN_S", 0.02)
    catalog = Catalog(Ring(100), HealthPolicy)
    entry = Entry(id="user-1", service="user", host="", port=1, since=0.0, reason="slow", registered_at=0.0)
    catalog.declare(["user"])
    catalog.add(entry, cause="start")
    async with Tasks("test") as tasks:
        with pytest.raises(StartError, match=r"not all is healthy after 0.02 s: user-1 is starting \(slow\)"):
            await Startup((catalog,), asyncio.Event(), tasks).until_ready(asyncio.Event())
