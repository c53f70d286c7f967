import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from random import Random

import pytest

from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.instances import Status
from embedded_services.contracts.settings import HealthPolicy
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.lifecycle import Entry, Exited, Linked, Lost, Started
from embedded_services.registry.probe import ProbeResult
from tests.helpers.clock import FakeClock, settle

OK = ProbeResult(True, 1.0, "ok")
REFUSED = ProbeResult(False, 0.1, "connection refused")


class Surroundings:
    """A catalog with `user-1`, checks over it, and a probe that answers what the test says."""

    def __init__(self, clock: FakeClock, tasks: Tasks) -> None:
        self.clock = clock
        self.policy = HealthPolicy()
        self.catalog = Catalog(Ring(100), lambda: self.policy)
        self.checks = HealthChecks(self.catalog, self._probe, lambda: self.policy, clock, Random(7), tasks)
        self.asked: list[tuple[float, str, int, str, float]] = []
        self.answer: ProbeResult | Exception = OK
        self.takes_s = 0.0
        self.let_answer = asyncio.Event()
        self.let_answer.set()
        now = clock.now()
        self.catalog.add(
            Entry(id="user-1", service="user", host="h", port=1, since=now, registered_at=now), cause="start"
        )
        self.start(1)

    def start(self, incarnation: int) -> None:
        now = self.clock.now()
        self.catalog.apply("user-1", Started(incarnation, 77, 3001), now, cause="start")
        self.catalog.apply("user-1", Linked(3001), now, cause="link")

    async def _probe(self, host: str, port: int, path: str, timeout_s: float) -> ProbeResult:
        self.asked.append((self.clock.monotonic(), host, port, path, timeout_s))
        await self.clock.sleep(self.takes_s)
        await self.let_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def status(self) -> Status:
        return self.catalog.get("user-1").status


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    async with Tasks("test") as tasks:
        yield Surroundings(FakeClock(), tasks)


async def test_watched_instance_is_checked_at_once(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await settle()
    assert around.asked == [(around.clock.monotonic(), "h", 3001, "/health", 0.5)]
    assert around.status() is Status.HEALTHY


async def test_checks_come_an_interval_apart_give_or_take_a_tenth(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await around.clock.advance(100.0)
    times = [at for at, *_ in around.asked]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(0.9 <= gap <= 1.1 for gap in gaps)
    assert 95 <= len(gaps) <= 105
    assert len({round(gap, 3) for gap in gaps}) > 50


async def test_slow_check_does_not_put_off_the_next(around: Surroundings) -> None:
    """A frozen instance is found out by `fall` timeouts; the pause between them must not come on top."""
    around.takes_s = 0.5
    around.checks.watch("user-1")
    await around.clock.advance(50.0)
    times = [at for at, *_ in around.asked]
    assert all(0.9 <= after - before <= 1.1 for before, after in pairwise(times))


async def test_check_that_outlasts_the_interval_is_followed_by_the_next(around: Surroundings) -> None:
    around.takes_s = 3.0
    around.checks.watch("user-1")
    await around.clock.advance(30.0)
    assert len(around.asked) == 11


async def test_policy_is_read_anew_for_each_check(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await around.clock.advance(1.2)
    around.policy = HealthPolicy(interval_s=10.0, timeout_s=3.0)
    around.asked.clear()
    await around.clock.advance(9.0)
    assert [timeout for *_, timeout in around.asked] == [3.0]


async def test_result_decides_the_status(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await settle()
    around.answer = REFUSED
    await around.clock.advance(1.2)
    assert around.status() is Status.HEALTHY
    await around.clock.advance(1.1)
    assert around.status() is Status.UNHEALTHY
    assert around.catalog.get("user-1").reason == "2 checks in a row failed: connection refused"
    around.answer = OK
    await around.clock.advance(1.1)
    assert around.status() is Status.HEALTHY


async def test_check_of_an_earlier_process_says_nothing_of_the_next(around: Surroundings) -> None:
    around.let_answer.clear()
    around.checks.watch("user-1")
    await settle()
    around.catalog.apply("user-1", Exited("killed"), around.clock.now(), cause="exit")
    around.start(2)
    around.let_answer.set()
    await settle()
    assert around.status() is Status.STARTING


async def test_unwatch_ends_the_check_under_way(around: Surroundings) -> None:
    around.let_answer.clear()
    around.checks.watch("user-1")
    await settle()
    around.checks.unwatch("user-1")
    around.let_answer.set()
    await around.clock.advance(10.0)
    assert around.status() is Status.STARTING
    assert len(around.asked) == 1


async def test_watching_twice_checks_once(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await settle()
    around.checks.watch("user-1")
    await settle()
    around.asked.clear()
    await around.clock.advance(10.0)
    assert 9 <= len(around.asked) <= 11


async def test_lost_instance_is_not_checked_until_it_is_found(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await settle()
    around.catalog.apply("user-1", Lost("link gone"), around.clock.now(), cause="link")
    around.asked.clear()
    await around.clock.advance(5.0)
    assert around.asked == []
    assert around.status() is Status.LOST


async def test_removed_instance_is_checked_no_more(around: Surroundings) -> None:
    around.checks.watch("user-1")
    await settle()
    around.catalog.remove("user-1", around.clock.now(), cause="scale", reason="scaled down")
    await around.clock.advance(5.0)
    assert around.clock.sleeping() == 0


async def test_broken_probe_is_reported_and_not_forgotten(
    around: Surroundings, expect_log: Callable[[str], None]
) -> None:
    expect_log("task test:check user-1 failed")
    around.answer = RuntimeError("a bug of ours")
    around.checks.watch("user-1")
    await settle()
