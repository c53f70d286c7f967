"""What a previous run left is ended, and nothing else: with real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
import psutil
import pytest

from embedded_services.common.clock import SystemClock
from embedded_services.contracts.runtime import OwnProcess, Runtime
from embedded_services.control.leftovers import end_leftovers, identify, still_runs
from embedded_services.control.usage import UsageMeter
from tests.helpers.clock import FakeClock


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Runs until it is ended, or its standard input is."""
    code = "print(flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # from here on it is Python that runs, and not what it was forked from
        yield process
        process.kill()


def named(process: subprocess.Popen[bytes]) -> OwnProcess:
    own = identify("user-1", process.pid)
    assert own is not None
    return own


def runtime(*processes: OwnProcess) -> Runtime:
    return Runtime(
        ready=True, version="1", gateway="", control="", token="", broker=None, workspace="/w", pid=1,
        started_at=1.0, processes=list(processes),
    )  # fmt: skip


def is_alive(process: subprocess.Popen[bytes]) -> bool:
    try:
        return psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_process_with_that_pid_and_start_is_ended(
    process: subprocess.Popen[bytes], expect_log: Callable[[str], None]
) -> None:
    expect_log("ended what a previous run left: user-1")
    assert end_leftovers(runtime(named(process))) == ["user-1"]
    assert not is_alive(process)


def test_frozen_one_is_ended_too(process: subprocess.Popen[bytes], expect_log: Callable[[str], None]) -> None:
    expect_log("ended what a previous run left")
    process.send_signal(signal.SIGSTOP)
    assert end_leftovers(runtime(named(process))) == ["user-1"]
    assert not is_alive(process)


def test_one_that_has_ended_does_not_run_though_nobody_has_looked(process: subprocess.Popen[bytes]) -> None:
    own = named(process)
    assert still_runs(own)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert not still_runs(own)


@pytest.mark.parametrize("difference", [-3600.0, -1.0, -0.05, 0.05, 1.0, 3600.0])
def test_process_that_merely_has_the_pid_is_left_alone(
    process: subprocess.Popen[bytes], difference: float
) -> None:
    own = named(process)
    other = msgspec.structs.replace(own, started_at=own.started_at + difference)
    assert end_leftovers(runtime(other)) == []
    assert is_alive(process)


def test_what_has_ended_by_itself_is_no_leftover(process: subprocess.Popen[bytes]) -> None:
    own = named(process)
    process.kill()
    process.wait()
    assert end_leftovers(runtime(own)) == []
    assert identify("user-1", process.pid) is None


def test_zombie_has_ended(process: subprocess.Popen[bytes]) -> None:
    own = named(process)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert end_leftovers(runtime(own)) == []


@pytest.mark.parametrize("pid", [-1, 0, 1 << 40])
def test_number_that_is_no_pid_is_passed_over(pid: int) -> None:
    assert end_leftovers(runtime(OwnProcess(name="x", pid=pid, started_at=1.0))) == []


def test_nothing_is_left_of_no_run() -> None:
    assert end_leftovers(None) == []
    assert end_leftovers(runtime()) == []


# --- what processes use ---------------------------------------------------------------------------------------------


async def test_usage_is_read_of_each_living_process(process: subprocess.Popen[bytes]) -> None:
    seen = await UsageMeter(SystemClock()).read([os.getpid(), process.pid, 1 << 22])
    assert seen.keys() == {os.getpid(), process.pid}
    assert all(usage.pss is None or usage.pss > 1_000_000 for usage in seen.values())
    assert all(usage.cpu is None for usage in seen.values()), "a first look knows no share yet"


async def test_second_look_knows_the_share_of_a_core() -> None:
    clock = FakeClock()
    meter = UsageMeter(clock)
    await meter.read([os.getpid()])
    clock.pass_time(1.0)
    usage = (await meter.read([os.getpid()]))[os.getpid()]
    assert usage.cpu is not None
    assert usage.cpu >= 0.0


async def test_usage_is_read_at_most_once_a_second(process: subprocess.Popen[bytes]) -> None:
    clock = FakeClock()
    meter = UsageMeter(clock)
    first = await meter.read([os.getpid(), process.pid])
    process.kill()
    process.wait()
    clock.pass_time(0.9)
    assert await meter.read([os.getpid()]) is first
    assert await meter.read([process.pid]) is first
    clock.pass_time(0.1)
    second = await meter.read([os.getpid(), process.pid])
    assert second.keys() == {os.getpid()}
    assert await meter.read([os.getpid(), process.pid]) is second, (
        "an ended process is no reason to look again"
    )


async def test_process_that_is_new_is_looked_at_now(process: subprocess.Popen[bytes]) -> None:
    meter = UsageMeter(FakeClock())
    await meter.read([os.getpid()])
    assert process.pid in await meter.read([os.getpid(), process.pid])
