"""Faults of processes, done to the real ones through the same actions that people have, and undone when they end.

What somebody else puts right meanwhile ends the fault: it is not done again, and nothing is left to be undone.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import FaultLayer
from embedded_services.contracts.instances import Status
from embedded_services.control.actions import Actions
from embedded_services.control.faults.record import Record
from embedded_services.control.supervisor import Supervisor
from embedded_services.faults.params import CrashLoop, Freeze

LOOK_S: Final = 0.05
"""How soon it is seen that a process which is to crash again has come up."""

_PAST: Final[Mapping[str, str]] = {
    "thaw": "thawed",
    "kill": "killed",
    "restart": "restarted",
    "drain": "drained",
    "freeze": "frozen",
}
_ENDS_FREEZE: Final = frozenset({"thaw", "kill", "restart"})
_ENDS_STAY_DOWN: Final = frozenset({"restart"})
_ENDS_CRASH_LOOP: Final = frozenset({"restart", "drain", "freeze"})
"""A process that is killed once more by hand crashes on."""

log = logging.getLogger(__name__)


class ProcessFaults:
    """`done` hears each time that something was done for a fault."""

    def __init__(
        self,
        supervisor: Supervisor,
        actions: Actions,
        clock: Clock,
        tasks: Tasks,
        done: Callable[[Record], None],
    ) -> None:
        self._supervisor = supervisor
        self._actions = actions
        self._clock = clock
        self._tasks = tasks
        self._done = done
        self._loops: dict[str, Callable[[], None]] = {}
        self._frozen: dict[str, int] = {}
        """The incarnation that each fault has frozen."""

    async def begin(self, record: Record) -> None:
        """Raises CONFLICT where it makes no sense in the process's present state; nothing has been done then."""
        if record.kind.layer is not FaultLayer.CONTROL or (process := record.process) is None:
            return
        slot = self._supervisor.get(process)
        action = "kill" if record.is_crash_loop else record.kind.name
        hold_lock = isinstance(record.params, Freeze) and record.params.hold_lock
        wanted, incarnation = slot.wanted, slot.incarnation
        if record.stays_down:
            slot.wanted = False
        try:
            result = await self._actions.act(process, action, hold_lock=hold_lock, fault=record.id)
        except ApiError:
            slot.wanted = wanted
            raise
        record.detail = result.detail
        if record.kind.name == "freeze":
            self._frozen[record.id] = incarnation
        if isinstance(record.params, CrashLoop):
            loop = self._crash_again(record, process, record.params.up_s, incarnation)
            self._loops[record.id] = self._tasks.spawn(loop, f"crash loop of {process}")
        self._done(record)

    async def thaw(self, record: Record) -> str | None:
        """Let a frozen process go on. What was undone; None if there is nothing to undo."""
        incarnation = self._frozen.pop(record.id, None)
        process = record.process
        if incarnation is None or process is None or process not in self._supervisor:
            return None
        slot = self._supervisor.get(process)
        frozen = slot.incarnation == incarnation and slot.catalog.get(process).status is Status.FROZEN
        if not frozen or slot.running is None:
            return None
        try:
            await self._actions.act(process, "thaw", fault=record.id)
        except ApiError as error:
            log.info("%s was not thawed: %s", process, error.message)
            return None
        return f"thawed {process}"

    def bring_back(self, record: Record) -> str | None:
        """Start what the fault keeps down. What was undone; None if there is nothing to undo."""
        if (stop := self._loops.pop(record.id, None)) is not None:
            stop()
        process = record.process
        if not record.stays_down or process is None or process not in self._supervisor:
            return None
        slot = self._supervisor.get(process)
        if slot.wanted or slot.leaving:
            return None
        slot.wanted = True
        if slot.running is None:
            self._supervisor.start(slot)
        return f"started {process}"

    def is_away(self, process: str) -> bool:
        """Whether it answers nobody, for whatever reason."""
        if process not in self._supervisor:
            return True
        return self._supervisor.get(process).catalog.get(process).status is not Status.HEALTHY

    def nobody_left(self, process: str) -> str:
        """The service of an instance that has none in rotation; empty if it has, or the process is no instance."""
        if process not in self._supervisor or not (service := self._supervisor.get(process).service):
            return ""
        catalog = self._supervisor.get(process).catalog
        return "" if any(entry.service == service and entry.in_rotation for entry in catalog) else service

    def undone_by(self, record: Record, action: str, process: str, fault: str) -> str | None:
        """What became of it by an action that is about to be taken, by a person or as part of another `fault`; None if it goes
        on. It is let go of then: nothing that it did is left to be undone."""
        if record.process != process or record.id == fault or record.kind.layer is not FaultLayer.CONTROL:
            return None
        if record.id in self._frozen:
            ends = _ENDS_FREEZE
        elif record.stays_down:
            ends = _ENDS_STAY_DOWN
        elif record.is_crash_loop:
            ends = _ENDS_CRASH_LOOP
        else:
            return None
        if action not in ends:
            return None
        self._let_go(record)
        return f"{_PAST[action]} by {f'the fault {fault}' if fault else 'hand'}"

    def overtaken(self, record: Record) -> str | None:
        """What became of it without an action: its process ended, was thawed or started by somebody else, or is gone for good;
        None if it goes on. It is let go of then."""
        process = record.process
        if process is None or record.kind.layer is not FaultLayer.CONTROL:
            return None
        found = self._overtaken(record, process)
        if found is not None:
            self._let_go(record)
        return found

    def _overtaken(self, record: Record, process: str) -> str | None:
        if process not in self._supervisor:
            return f"{process} was taken out of the system"
        slot = self._supervisor.get(process)
        incarnation = self._frozen.get(record.id)
        if incarnation is not None:
            if slot.incarnation != incarnation or slot.running is None:
                return "its process ended"
            if slot.catalog.get(process).status is not Status.FROZEN:
                return "thawed by somebody else"
        if record.stays_down and slot.wanted:
            return "started by somebody else"
        return None

    def _let_go(self, record: Record) -> None:
        self._frozen.pop(record.id, None)
        if (stop := self._loops.pop(record.id, None)) is not None:
            stop()

    async def _crash_again(self, record: Record, process: str, up_s: float, killed: int) -> None:
        """Kill it each time that it has come up and lived for `up_s`. `killed` is the incarnation that was killed last."""
        while process in self._supervisor:
            await self._clock.sleep(LOOK_S)
            slot = self._supervisor.get(process)
            if slot.incarnation == killed or slot.catalog.get(process).status is not Status.HEALTHY:
                continue
            incarnation = slot.incarnation
            await self._clock.sleep(max(0.0, up_s - (self._clock.monotonic() - slot.started_at)))
            if slot.incarnation != incarnation or slot.running is None:
                continue
            killed = incarnation
            try:
                await self._actions.act(process, "kill", fault=record.id)
            except ApiError as error:
                log.info("%s could not be crashed again: %s", process, error.message)
            else:
                self._done(record)
