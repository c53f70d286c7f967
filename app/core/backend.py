"""The control plane, as the window has it: started as a child, watched, started again when it dies; or found running
on the workspace, attached to, and left running.

One coroutine (`run`) drives it, from the window's main thread: the kernel ends the child when the thread that started
it ends. What the user wants is said by `start` and `stop`; what is, by `state`, with `listen` telling of each change.
The child's own words go to `logs/control.err` in the workspace, never through a pipe: a window that stands still must
not stop the system.
"""

import asyncio
import contextlib
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import embedded_services
from app.core.child_log import failure_message
from app.core.language import tr
from app.core.listeners import Listeners
from app.core.messages import UserMessage
from app.core.served import find_served, still_runs
from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.common import platform
from embedded_services.common.backoff import Backoff
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.runtime import Runtime

NICE: Final = 5
STOP_S: Final = 1.6
LOOK_S: Final = 0.05
WATCH_S: Final = 0.5
BACKOFF: Final = Backoff(first_s=0.05, longest_s=5.0)
TOO_OFTEN: Final = 5
TOO_OFTEN_WITHIN_S: Final = 30.0


class Phase(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True)
class Endpoint:
    """Where a control plane answers, and how to be let in. `pid` tells one run from the next."""

    control: str
    token: str
    pid: int


@dataclass(frozen=True)
class BackendState:
    """`endpoint` is known early in a start. `attached`: somebody else started it, so it is not ours to stop.

    `message` says why it failed, stopped without being asked to, or is being started again.
    """

    phase: Phase = Phase.STOPPED
    endpoint: Endpoint | None = None
    attached: bool = False
    message: UserMessage | None = None


class Backend:
    """`command` is what a child is started with, without the options; tests put something small in its place."""

    def __init__(
        self, workspace: Path, *, clock: Clock | None = None, command: list[str] | None = None
    ) -> None:
        self.workspace = workspace
        self.state = BackendState()
        self._clock = clock or SystemClock()
        self._command = command or [sys.executable, "-m", "embedded_services"]
        self._listeners: Listeners[[]] = Listeners()
        self._wanted = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._unwanted.set()
        self._ends: deque[float] = deque(maxlen=TOO_OFTEN)

    # --- what the window wants and knows --------------------------------------------------------------------------

    def start(self) -> None:
        self._ends.clear()
        self._unwanted.clear()
        self._wanted.set()

    def stop(self) -> None:
        """Stop what we started; of what we attached to, only let go."""
        self._wanted.clear()
        self._unwanted.set()

    async def stopped(self) -> None:
        """Wait until nothing runs that `stop` is to end."""
        while self.state.phase not in (Phase.STOPPED, Phase.FAILED):
            changed = asyncio.Event()
            leave = self.listen(changed.set)
            await changed.wait()
            leave()

    def listen(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call `call` after each change of `state`; returns what ends that."""
        return self._listeners.join(call)

    async def run(self) -> None:
        """Do as wanted, until cancelled; then nothing that we started is left."""
        while True:
            if not self._wanted.is_set() and self.state.phase is not Phase.FAILED:
                self._set(BackendState(message=self.state.message))
            await self._wanted.wait()
            served = await asyncio.to_thread(find_served, self.workspace)
            if served is not None:
                await self._attach(served)
            else:
                await self._own()

    # --- one that runs already ------------------------------------------------------------------------------------

    async def _attach(self, runtime: Runtime) -> None:
        """Until it is gone, or we are to let go."""
        phase = Phase.RUNNING if runtime.ready else Phase.STARTING
        self._set(BackendState(phase, _endpoint(runtime), attached=True))
        while not self._unwanted.is_set():
            if not await asyncio.to_thread(still_runs, runtime):
                break
            if self.state.phase is Phase.STARTING:
                self._set(replace(self.state, phase=self._phase_of(runtime.pid)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._unwanted.wait(), WATCH_S)
        if self._unwanted.is_set():
            self._set(BackendState())
        elif await asyncio.to_thread(find_served, self.workspace) is None:
            self._wanted.clear()
            self._unwanted.set()
            text = tr("The system was stopped where it had been started.")
            self._set(BackendState(message=UserMessage(text, tr("Start it here."))))

    def _phase_of(self, pid: int) -> Phase:
        runtime = self._runtime_of(pid)
        return Phase.RUNNING if runtime is not None and runtime.ready else Phase.STARTING

    # --- our own --------------------------------------------------------------------------------------------------

    async def _own(self) -> None:
        """Start a child and see it to its end."""
        self._set(BackendState(Phase.STARTING, message=self.state.message if self._ends else None))
        try:
            child = await self._launch()
        except OSError as error:
            self._give_up(UserMessage(tr("The system cannot be started."), str(error)))
            return
        try:
            async with Tasks("backend") as tasks:
                ended = tasks.start(child.wait(), "wait for the end")
                unwanted = tasks.start(self._unwanted.wait(), "wait for stop")
                follow = tasks.start(self._follow_start(child), "follow the start")
                await asyncio.wait({ended, unwanted}, return_when=asyncio.FIRST_COMPLETED)
                follow.cancel()
                if not ended.done():
                    self._set(replace(self.state, phase=Phase.STOPPING))
                    await self._end(child)
                    self._set(BackendState())
                    return
            await self._after_end(child)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()

    async def _launch(self) -> Process:
        logs = self.workspace / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "control.err").open("wb") as err:
            return await asyncio.create_subprocess_exec(
                *self._command, "--workspace", str(self.workspace), "--nice", str(NICE),
                stdin=DEVNULL, stdout=PIPE, stderr=err,
                cwd=Path(embedded_services.__file__).parent.parent,
                preexec_fn=None if platform.WINDOWS else platform.die_with_parent,
                start_new_session=not platform.WINDOWS,  # a Ctrl-C is for the window to answer
            )  # fmt: skip

    async def _follow_start(self, child: Process) -> None:
        """Tell where it answers as soon as it does, and that it runs once it says so."""
        while (runtime := self._runtime_of(child.pid)) is None:
            await self._clock.sleep(LOOK_S)
        self._set(replace(self.state, endpoint=_endpoint(runtime)))
        assert child.stdout is not None  # noqa: S101 - it was asked for
        if await child.stdout.readline():
            self._set(replace(self.state, phase=Phase.RUNNING, message=None))

    def _runtime_of(self, pid: int) -> Runtime | None:
        """What the process `pid` wrote of itself; None while the file is an older run's."""
        try:
            runtime = read_runtime(self.workspace)
        except NoRuntimeError:
            return None
        return runtime if runtime.pid == pid else None

    async def _end(self, child: Process) -> None:
        """Ask it to stop; end it when it does not, be it frozen."""
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), STOP_S)
        except TimeoutError:
            child.kill()
            await child.wait()

    async def _after_end(self, child: Process) -> None:
        """It ended by itself: start it again, unless it cannot start or ends too often."""
        refused = self.state.phase is Phase.STARTING and (child.returncode or 0) > 0
        if refused and await asyncio.to_thread(find_served, self.workspace) is not None:
            return  # somebody else was quicker: attach
        message = failure_message(self.workspace, child.returncode)
        now = self._clock.monotonic()
        self._ends.append(now)
        if refused or (len(self._ends) == TOO_OFTEN and now - self._ends[0] < TOO_OFTEN_WITHIN_S):
            self._give_up(message)
            return
        self._set(BackendState(Phase.STARTING, message=message))
        recent = sum(now - end < TOO_OFTEN_WITHIN_S for end in self._ends)
        with contextlib.suppress(TimeoutError):
            pause = BACKOFF.delay(recent, random.random())  # noqa: S311 - it spreads restarts
            await asyncio.wait_for(self._unwanted.wait(), pause)

    def _give_up(self, message: UserMessage) -> None:
        self._wanted.clear()
        self._unwanted.set()
        self._set(BackendState(Phase.FAILED, message=message))

    def _set(self, state: BackendState) -> None:
        if state != self.state:
            self.state = state
            self._listeners.tell()


def _endpoint(runtime: Runtime) -> Endpoint:
    return Endpoint(runtime.control, runtime.token, runtime.pid)
