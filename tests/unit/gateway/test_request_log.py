import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.gateway.request_log import RequestLog
from tests.helpers.raw_upstream import eventually


class Tick(SystemClock):
    """A clock whose sleepers wake when the test says so."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await self.wake.wait()
        self.wake.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "requests.log"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_lines_are_written_in_batches(path: Path) -> None:
    clock = Tick()
    log = RequestLog(path, clock)
    async with Tasks("test") as tasks:
        tasks.spawn(log.run(), "run")
        for number in range(3):
            log.add(b'{"n":%d}' % number)
        assert not path.exists()
        clock.wake.set()
        await eventually(lambda: path.exists() and len(lines(path)) == 3)
    log.add(b'{"n":3}')
    await log.flush()
    assert [line["n"] for line in lines(path)] == [0, 1, 2, 3]


async def test_lines_that_find_no_room_are_counted_in_the_file(path: Path) -> None:
    log = RequestLog(path, SystemClock(), capacity=2)
    for number in range(5):
        log.add(b'{"n":%d}' % number)
    await log.flush()
    assert [line.get("n", line.get("dropped")) for line in lines(path)] == [0, 1, 3]
    await log.flush()
    assert len(lines(path)) == 3


async def test_a_full_file_is_moved_aside_once(path: Path) -> None:
    log = RequestLog(path, SystemClock(), max_bytes=100)
    for number in range(50):
        log.add(b'{"n":%d}' % number)
        await log.flush()
    assert path.with_name("requests.log.1").stat().st_size < 120
    assert sorted(file.name for file in path.parent.iterdir()) == ["requests.log", "requests.log.1"]


async def test_a_disk_that_fails_is_said_once_and_costs_only_lines(
    path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot write")
    path.mkdir(parents=True)
    log = RequestLog(path, SystemClock())
    for _ in range(3):
        log.add(b"{}")
        await log.flush()
    path.rmdir()
    log.add(b'{"n":1}')
    await log.flush()
    assert [line.get("n", line.get("dropped")) for line in lines(path)] == [1, 3]


async def test_requests_that_are_not_written_down_are_counted_in_the_file(path: Path) -> None:
    log = RequestLog(path, SystemClock(), capacity=2)
    for number in range(3):
        log.add(b'{"n":%d}' % number)
    log.pass_over(40)
    log.pass_over(2)
    await log.flush()
    *_, told = lines(path)
    assert (told["dropped"], told["notKept"]) == (1, 42)
    log.pass_over(5)
    await log.flush()
    assert lines(path)[-1]["notKept"] == 5
    await log.flush()
    assert len(lines(path)) == 4


async def test_what_was_not_written_down_is_told_when_the_disk_works_again(
    path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot write")
    path.mkdir(parents=True)
    log = RequestLog(path, SystemClock())
    log.pass_over(3)
    await log.flush()
    path.rmdir()
    log.pass_over(4)
    await log.flush()
    assert lines(path)[-1]["notKept"] == 7
