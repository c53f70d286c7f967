"""The control plane as the window has it: started, watched, started again, attached to, and never left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from app.core import served
from app.core.backend import TOO_OFTEN, Backend, BackendState, Phase
from app.core.child import launch
from embedded_services.common.clock import SystemClock
from embedded_services.common.tasks import Tasks
from tests.helpers.fake_control import runtime

ROOT = Path(__file__).resolve().parents[4]
FAKE = [sys.executable, "-m", "tests.helpers.fake_control"]


@asynccontextmanager
async def running(workspace: Path, mode: str) -> AsyncIterator[tuple[Backend, list[BackendState]]]:
    backend = Backend(workspace, command=[*FAKE, mode])
    states: list[BackendState] = []
    backend.listen(lambda: states.append(backend.state))
    async with Tasks("test") as tasks:
        tasks.spawn(backend.run(), "backend")
        yield backend, states


async def until(backend: Backend, condition: Callable[[BackendState], bool]) -> BackendState:
    """The first state that meets the condition, from now on."""
    while not condition(backend.state):
        changed = asyncio.Event()
        leave = backend.listen(changed.set)
        await changed.wait()
        leave()
    return backend.state


def in_phase(phase: Phase) -> Callable[[BackendState], bool]:
    return lambda state: state.phase is phase


async def test_it_starts_tells_where_it_is_and_stops(tmp_path: Path) -> None:
    async with running(tmp_path / "ws", "ready") as (backend, states):
        backend.start()
        state = await until(backend, in_phase(Phase.RUNNING))
        assert state.endpoint is not None
        assert (state.attached, state.endpoint.token) == (False, "secret")
        assert psutil.pid_exists(state.endpoint.pid)
        backend.stop()
        await backend.stopped()
        assert not psutil.pid_exists(state.endpoint.pid)
    assert [state.phase for state in states if state.phase is not Phase.STARTING] == [
        Phase.RUNNING,
        Phase.STOPPING,
        Phase.STOPPED,
    ]


async def test_one_that_cannot_start_says_why_and_is_not_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path, "refuse") as (backend, states):
        backend.start()
        state = await until(backend, in_phase(Phase.FAILED))
        assert state.message is not None
        assert state.message.text == "The system cannot be started: port 3000 is taken by another program."
        assert "looking for a port" in state.message.details
        assert [state.phase for state in states].count(Phase.STARTING) == 1


async def test_a_workspace_that_cannot_be_written_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with running(tmp_path / "file" / "ws", "ready") as (backend, _):
        backend.start()
        state = await until(backend, in_phase(Phase.FAILED))
        assert state.message is not None
        assert "Not a directory" in state.message.hint


async def test_one_that_dies_is_started_again(tmp_path: Path) -> None:
    async with running(tmp_path, "ready") as (backend, states):
        backend.start()
        first = await until(backend, in_phase(Phase.RUNNING))
        assert first.endpoint is not None
        os.kill(first.endpoint.pid, signal.SIGKILL)
        await until(backend, in_phase(Phase.STARTING))
        again = await until(backend, in_phase(Phase.RUNNING))
        assert again.endpoint is not None
        assert again.endpoint.pid != first.endpoint.pid
        told = [state.message.text for state in states if state.message]
        assert told[0] == "The control plane ended: SIGKILL."
        assert again.message is None


async def test_one_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, "dies") as (backend, states):
        backend.start()
        state = await until(backend, in_phase(Phase.FAILED))
        starts = [s for s in states if s.phase is Phase.STARTING and s.endpoint is None and s.message is None]
        assert state.message is not None
        assert len(starts) <= TOO_OFTEN


async def test_one_that_does_not_hear_is_ended_within_two_seconds(tmp_path: Path) -> None:
    async with running(tmp_path, "stubborn") as (backend, _):
        backend.start()
        state = await until(backend, in_phase(Phase.RUNNING))
        began = SystemClock().monotonic()
        backend.stop()
        await backend.stopped()
        assert state.endpoint is not None
        assert SystemClock().monotonic() - began < 2.0
        assert not psutil.pid_exists(state.endpoint.pid)


async def test_nothing_is_left_when_the_window_ends_without_stopping_it(tmp_path: Path) -> None:
    async with running(tmp_path, "ready") as (backend, _):
        backend.start()
        state = await until(backend, in_phase(Phase.RUNNING))
    assert state.endpoint is not None
    assert not psutil.pid_exists(state.endpoint.pid)


async def test_one_that_was_started_early_is_taken_over(tmp_path: Path) -> None:
    early = launch(tmp_path, [*FAKE, "ready"])
    backend = Backend(tmp_path, command=[*FAKE, "refuse"], early=early)
    assert backend.state.phase is Phase.STARTING
    backend.start()
    async with Tasks("test") as tasks:
        tasks.spawn(backend.run(), "backend")
        state = await until(backend, in_phase(Phase.RUNNING))
        assert state.endpoint is not None
        assert state.endpoint.pid == early.pid
        backend.stop()
        await backend.stopped()
        assert early.returncode == 0


async def test_one_that_was_started_early_is_stopped_when_the_window_closes_at_once(tmp_path: Path) -> None:
    early = launch(tmp_path, [*FAKE, "ready"])
    backend = Backend(tmp_path, early=early)
    backend.start()
    backend.stop()
    async with Tasks("test") as tasks:
        tasks.spawn(backend.run(), "backend")
        await backend.stopped()
    assert not psutil.pid_exists(early.pid)


class TestAttached:
    @pytest.fixture
    async def other(self, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
        """A control plane on `tmp_path` that somebody else started."""
        process = await asyncio.create_subprocess_exec(
            *FAKE, "ready", "--workspace", str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        await process.stdout.readline()
        yield process
        if process.returncode is None:
            process.terminate()
        await process.wait()

    async def test_what_runs_already_is_attached_to_and_left_running(
        self, tmp_path: Path, other: asyncio.subprocess.Process
    ) -> None:
        async with running(tmp_path, "refuse") as (backend, _):
            backend.start()
            state = await until(backend, in_phase(Phase.RUNNING))
            assert state.attached
            assert state.endpoint is not None
            assert state.endpoint.pid == other.pid
            backend.stop()
            await backend.stopped()
            assert other.returncode is None
            assert psutil.pid_exists(other.pid)

    async def test_when_it_is_stopped_elsewhere_that_is_said(
        self, tmp_path: Path, other: asyncio.subprocess.Process
    ) -> None:
        async with running(tmp_path, "ready") as (backend, _):
            backend.start()
            await until(backend, in_phase(Phase.RUNNING))
            other.terminate()
            state = await until(backend, in_phase(Phase.STOPPED))
            assert state.message is not None
            assert state.message.text == "The system was stopped where it had been started."


class TestServed:
    def test_what_a_killed_run_left_behind_does_not_count(self, tmp_path: Path) -> None:
        (tmp_path / "runtime.json").write_bytes(msgspec.json.encode(runtime(tmp_path, 2**22 - 7)))
        assert served.find_served(tmp_path) is None

    def test_another_process_with_the_same_number_does_not_count(self, tmp_path: Path) -> None:
        own = runtime(tmp_path, os.getpid())
        older = msgspec.structs.replace(
            own, processes=[msgspec.structs.replace(own.processes[0], started_at=own.started_at - 3600)]
        )
        assert served.still_runs(own)
        assert not served.still_runs(older)

    def test_a_damaged_file_does_not_count(self, tmp_path: Path) -> None:
        (tmp_path / "runtime.json").write_text("{")
        assert served.find_served(tmp_path) is None
