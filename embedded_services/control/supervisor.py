"""Keeps the processes of the system running: starts them, hears of their end at once, starts them again.

What is true of a process is in the catalog; what is decided about it comes from `restart_policy`. This file acts.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from embedded_services.agent.child import EXIT_BY_FAULT, EXIT_PORT_TAKEN, run_child
from embedded_services.common import platform
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, ChildSpec, Hello
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Status
from embedded_services.control import ports
from embedded_services.control.calls import CallBook
from embedded_services.control.launcher import Child, Launcher
from embedded_services.control.log_tail import last_error
from embedded_services.control.restart_policy import CrashLoop, History, Restart, after_exit
from embedded_services.control.slots import Leaves, Slot
from embedded_services.registry.lifecycle import (
    CRASHED_BY_FAULT,
    CrashLooped,
    Entry,
    Exited,
    Found,
    Linked,
    Lost,
    Started,
)

STOP_S = 1.5
WITHIN_S = {
    Leaves.FIRST: 0.7,
    Leaves.AFTER_GATEWAY: 0.4,
    Leaves.WITH_SERVICES: 1.2,
    Leaves.LAST: STOP_S,
}
HELLO_WITHIN_S = 15.0
LINK_GRACE_S = 2.0
HOST = "127.0.0.1"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What the supervisor is given to work with; functions are what changes while it runs."""

    launcher: Launcher
    clock: Clock
    tasks: Tasks
    calls: CallBook
    workspace: Path
    spec_of: Callable[[Slot], ChildSpec]
    is_linked: Callable[[str], bool]
    processes_changed: Callable[[], None]
    failed: Callable[[str], None]
    """Called with one line when a process cannot be had at all: before the system was ready, that ends the start."""
    listens: Callable[[Slot], None]
    """Called when a process said where it listens, for the first time or again."""
    records: Callable[[str, int, Beat], None]
    """Called with each beat, and the child and incarnation that it came from."""


class Supervisor:
    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._slots: dict[str, Slot] = {}
        self._incarnations: dict[str, int] = {}
        """Of every slot there ever was: one that comes back goes on counting."""
        self._stopping = False

    # --- slots --------------------------------------------------------------------------------------------------

    def __contains__(self, slot: str) -> bool:
        return slot in self._slots

    def slots(self) -> list[Slot]:
        return list(self._slots.values())

    def get(self, slot: str) -> Slot:
        found = self._slots.get(slot)
        if found is None:
            raise ApiError("NOT_FOUND", f"there is no process {slot!r}; there are: {', '.join(self._slots)}")
        return found

    def pids(self) -> dict[str, int]:
        """The processes that run, by slot."""
        return {slot.id: child.pid for slot in self._slots.values() if (child := slot.running)}

    def add(self, slot: Slot) -> None:
        """Make a slot known and start its first process."""
        now = self._around.clock.now()
        self._slots[slot.id] = slot
        entry = Entry(
            id=slot.id,
            service=slot.service,
            host=HOST,
            port=slot.port,
            health_path=slot.health_path,
            since=now,
            registered_at=now,
            reason="about to start",
        )
        slot.catalog.add(entry, cause="start")
        self.start(slot)

    def remove(self, slot: Slot, reason: str) -> None:
        """Forget a slot whose process has ended."""
        slot.checks.unwatch(slot.id)
        del self._slots[slot.id]
        slot.catalog.remove(slot.id, self._around.clock.now(), cause="scale", reason=reason)

    # --- processes ----------------------------------------------------------------------------------------------

    def start(self, slot: Slot) -> None:
        """Start a process in a slot that has none."""
        if self._stopping or slot.running is not None:
            return
        if not slot.pinned_port:
            slot.port = self._free_port(slot, slot.port)
        slot.incarnation = self._incarnations[slot.id] = self._incarnations.get(slot.id, 0) + 1
        slot.asked = None
        slot.overdue = False
        slot.wanted = True
        slot.started_at = self._around.clock.monotonic()
        slot.started_wall = self._around.clock.now()
        slot.child = self._around.launcher.start(
            slot.id, run_child, (self._around.spec_of(slot),), lambda child: self._ended(slot, child)
        )
        self._apply(slot, Started(slot.incarnation, slot.child.pid, slot.port), "start")
        self._around.tasks.spawn(self._expect_hello(slot, slot.child), f"hello of {slot.id}")
        self._around.processes_changed()

    def _free_port(self, slot: Slot, wanted: int) -> int:
        others = [other for other in self._slots.values() if other is not slot]
        reserved = {port for other in others for port in (other.port, other.preferred_port)}
        used = {other.port for other in others}
        return ports.next_free(
            wanted, reserved, lambda port: port not in used and platform.port_is_free(HOST, port)
        )

    async def _expect_hello(self, slot: Slot, child: Child) -> None:
        await self._around.clock.sleep(HELLO_WITHIN_S)
        if child.running and slot.child is child and not self._around.is_linked(slot.id):
            slot.overdue = True
            child.signal(platform.kill)

    def _ended(self, slot: Slot, child: Child) -> None:
        """In the loop, milliseconds after the end of a process."""
        slot.checks.unwatch(slot.id)
        self._around.calls.caller_ended(slot.id)
        if self._stopping or self._slots.get(slot.id) is not slot:
            return
        now = self._around.clock.monotonic()
        if child.exit_code == EXIT_BY_FAULT:
            slot.asked = CRASHED_BY_FAULT
        how = slot.asked or self._explain(slot, child)
        if slot.asked is None:
            log.warning("%s (pid %d) ended: %s", slot.id, child.pid, how)
        if not slot.wanted:
            self._apply(slot, Exited(how), "exit")
        else:
            slot.history, decision = after_exit(
                slot.history, asked=slot.asked is not None, ran_s=now - slot.started_at, now=now
            )
            self._decide(slot, how, decision)
        self._around.processes_changed()

    def _decide(self, slot: Slot, how: str, decision: Restart | CrashLoop) -> None:
        match decision:
            case CrashLoop(exits, within_s):
                reason = (
                    f"{how}; ended {exits} times within {within_s:.0f} s, restart it when the cause is gone"
                )
                self._apply(slot, CrashLooped(reason), "exit")
                self._around.failed(f"{slot.id} does not stay up: {how}")
            case Restart(delay_s):
                slot.restarts += 1
                again = "restarting" if delay_s == 0 else f"restarting in {delay_s:g} s"
                self._apply(slot, Exited(f"{how}; {again}"), "action" if slot.asked else "exit")
                if delay_s == 0:
                    self.start(slot)
                else:
                    self._around.tasks.spawn(self._start_later(slot, delay_s), f"restart of {slot.id}")

    async def _start_later(self, slot: Slot, delay_s: float) -> None:
        await self._around.clock.sleep(delay_s)
        if slot.wanted and self._slots.get(slot.id) is slot:
            self.start(slot)

    def _explain(self, slot: Slot, child: Child) -> str:
        code = child.exit_code
        if slot.overdue:
            return f"did not get ready within {HELLO_WITHIN_S:g} s, killed"
        if code == EXIT_PORT_TAKEN:
            if slot.pinned_port:
                self._around.failed(
                    f"port {slot.port} is taken; choose another one for {slot.id}, or leave it out"
                )
            return f"its port {slot.port} was taken"
        if code is not None and code < 0:
            return f"killed by signal {-code}"
        if code == 0:
            return "ended by itself, without an error"
        return last_error(self._around.workspace / "logs" / f"{slot.id}.log", f"ended with exit code {code}")

    def reset(self, slot: Slot) -> None:
        """Forget its crashes."""
        slot.history = History()

    def _apply(
        self, slot: Slot, event: Started | Exited | CrashLooped | Linked | Lost | Found, cause: str
    ) -> None:
        slot.catalog.apply(slot.id, event, self._around.clock.now(), cause=cause)

    async def stop_all(self) -> None:
        """End every process within `STOP_S`: callers first, so that what they have under way is finished."""
        self._stopping = True
        deadline = self._around.clock.monotonic() + STOP_S
        children = [(slot, child) for slot in self._slots.values() if (child := slot.running) is not None]
        for slot, child in children:
            if slot.catalog.get(slot.id).status is Status.FROZEN:
                child.signal(platform.kill)
        for leaves, wait_s in WITHIN_S.items():
            group = [child for slot, child in children if slot.leaves is leaves]
            for child in group:
                child.signal(platform.terminate)
            await self._wait(group, min(wait_s, deadline - self._around.clock.monotonic()))
        left = [child for _, child in children if child.running]
        for child in left:
            log.warning("process %d did not stop in time; killed", child.pid)
            child.signal(platform.kill)
        await self._wait(left, 1.0)

    async def _wait(self, children: list[Child], seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                for child in children:
                    await child.wait()
        except TimeoutError:
            pass

    # --- what the links say (agents.LinkListener) ----------------------------------------------------------------

    def linked(self, hello: Hello) -> bool:
        slot = self._slots.get(hello.id)
        if slot is None or slot.running is None or slot.running.pid != hello.pid:
            log.warning("refused the agent link of %s, pid %d: not a process of ours", hello.id, hello.pid)
            return False
        slot.port = hello.port
        if slot.catalog.get(slot.id).status is Status.LOST:
            self._apply(slot, Found("its agent link is back, check under way"), "link")
        else:
            self._apply(slot, Linked(hello.port), "link")
        slot.checks.watch(slot.id)
        self._around.listens(slot)
        return True

    def beat(self, child: str, incarnation: int, beat: Beat) -> None:
        """The last words of a process that has ended may come after its end: they are no longer its present state."""
        slot = self._slots.get(child)
        if slot is not None and slot.running is not None and slot.incarnation == incarnation:
            self._around.calls.report(child, beat.calls)
        self._around.records(child, incarnation, beat)

    def link_lost(self, child: str, incarnation: int) -> None:
        slot = self._slots.get(child)
        if slot is not None and slot.incarnation == incarnation and not self._stopping:
            self._around.tasks.spawn(self._await_link(slot, incarnation), f"link of {child}")

    async def _await_link(self, slot: Slot, incarnation: int) -> None:
        """A link that comes back within the grace was never lost; an exit is told by the process itself."""
        await self._around.clock.sleep(LINK_GRACE_S)
        if (
            slot.running is not None
            and slot.incarnation == incarnation
            and not self._around.is_linked(slot.id)
        ):
            self._apply(slot, Lost("its agent link is gone though the process runs"), "link")
