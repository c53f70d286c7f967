"""The control plane, as the window has it: started as a child, watched, started again when it dies; or found running
on the workspace, attached to, and left running.

One coroutine (`run`) drives it, from the window's main thread: the kernel ends the child when the thread that started
it ends. What the user wants is said by `start` and `stop`; what is, by `state`, with `listen` telling of each change.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from app.core.child import COMMAND, Child, end, ended, kill, launch
from app.core.child_log import failure_message
from app.core.language import tr
from app.core.listeners import Listeners
from app.core.messages import UserMessage
from app.core.served import find_served, still_runs
from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.common.backoff import Backoff
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.runtime import Runtime

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
    """`command` is what a child is started with, without the options; tests put something small in its place.
    `early` is a child that was started already, before there was a window.
    """

    def __init__(
        self,
        workspace: Path,
        *,
        clock: Clock | None = None,
        command: Sequence[str] = COMMAND,
        early: Child | None = None,
    ) -> None:
        self.workspace = workspace
        self.state = BackendState(Phase.STOPPED if early is None else Phase.STARTING)
        self._clock = clock or SystemClock()
        self._command = command
        self._early = early
        self._listeners: Listeners[[]] = Listeners()
        self._wanted = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._unwanted.set()
        self._ends: deque[float] = deque(maxlen=TOO_OFTEN)

    # --- what the window wants and knows --------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, unless it runs. The state says at once that it was asked for."""
        if self.state.phase in (Phase.STOPPED, Phase.FAILED):
            self._set(BackendState(Phase.STARTING))
        self._ends.clear()
        self._unwanted.clear()
        self._wanted.set()

    def stop(self) -> None:
        """Stop what we started; of what we attached to, only let go. The state says at once that it was asked for."""
        if self.state.phase in (Phase.STARTING, Phase.RUNNING) and not self.state.attached:
            self._set(replace(self.state, phase=Phase.STOPPING))
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
            if self._early is None:  # one that was started already is ours to end, wanted or not
                if not self._wanted.is_set() and self.state.phase is not Phase.FAILED:
                    self._set(BackendState(message=self.state.message))
                await self._wanted.wait()
            served = None if self._early else await asyncio.to_thread(find_served, self.workspace)
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
        if not self._unwanted.is_set():
            self._set(BackendState(Phase.STARTING, message=self.state.message if self._ends else None))
        try:
            child, self._early = self._early or launch(self.workspace, self._command), None
        except OSError as error:
            self._give_up(UserMessage(tr("The system cannot be started."), str(error)))
            return
        try:
            async with Tasks("backend") as tasks:
                gone = tasks.start(ended(child), "wait for the end")
                unwanted = tasks.start(self._unwanted.wait(), "wait for stop")
                tasks.spawn(self._follow_start(child), "follow the start")
                await asyncio.wait({gone, unwanted}, return_when=asyncio.FIRST_COMPLETED)
            if child.poll() is None:
                await end(child)
                self._set(BackendState())
            else:
                await self._after_end(child)
        finally:
            if child.poll() is None:
                kill(child)

    async def _follow_start(self, child: Child) -> None:
        """Tell where it answers as soon as it does, and that all of it runs once it says so."""
        while True:
            runtime = self._runtime_of(child.pid)
            if runtime is not None:
                self._set(replace(self.state, endpoint=_endpoint(runtime)))
                if runtime.ready:
                    break
            await self._clock.sleep(LOOK_S)
        self._set(replace(self.state, phase=Phase.RUNNING, message=None))

    def _runtime_of(self, pid: int) -> Runtime | None:
        """What the process `pid` wrote of itself; None while the file is an older run's."""
        try:
            runtime = read_runtime(self.workspace)
        except NoRuntimeError:
            return None
        return runtime if runtime.pid == pid else None

    async def _after_end(self, child: Child) -> None:
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
