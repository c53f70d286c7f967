"""The six things that can be done to a process by hand: kill, terminate, freeze, thaw, restart, drain.

Each acts on the real process and answers at once with what it did; the catalog shows what comes of it.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from embedded_services.common import platform
from embedded_services.common.clock import Clock
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Status
from embedded_services.contracts.system import ActionResult
from embedded_services.control.agents import Agents
from embedded_services.control.drain import Drain
from embedded_services.control.launcher import Child, end_within
from embedded_services.control.slots import Slot
from embedded_services.control.supervisor import Supervisor
from embedded_services.registry.lifecycle import Draining, Froze, Thawed

HOLD_WRITES_S = 0.05
TERMINATE_S = 3.0
LEAVE_S = 0.05
"""Between telling the callers and SIGTERM, so that none is sent a request that it would refuse."""

NAMES: Final = ("kill", "terminate", "freeze", "thaw", "restart", "drain")

Heard = Callable[[str, Slot, str], None]
"""Called with an action, the slot, and the id of the fault that it is part of (empty: a person's), once it is sure to be done
and before anything follows from it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Wish:
    hold_lock: bool
    fault: str

    @property
    def who(self) -> str:
        """As reasons say it."""
        return "a fault" if self.fault else "you"


def _nobody(_action: str, _slot: Slot, _fault: str) -> None:
    return


class Actions:
    def __init__(
        self,
        supervisor: Supervisor,
        agents: Agents,
        drain: Drain,
        clock: Clock,
        tasks: Tasks,
        heard: Heard = _nobody,
    ) -> None:
        self._heard = heard
        self._supervisor = supervisor
        self._agents = agents
        self._drain = drain
        self._clock = clock
        self._tasks = tasks
        self._table: dict[str, Callable[[Slot, _Wish], Awaitable[ActionResult]]] = {
            "kill": self._kill,
            "terminate": self._terminate,
            "freeze": self._freeze,
            "thaw": self._thaw,
            "restart": self._restart,
            "drain": self._begin_drain,
        }

    async def act(
        self, slot_id: str, action: str, *, hold_lock: bool = False, fault: str = ""
    ) -> ActionResult:
        """Do `action` to the process of a slot; `fault` is the one that it is part of, if any.

        `hold_lock` (freeze only) does not wait for a transaction boundary, so that the frozen process may keep its
        database's write lock. Raises NOT_FOUND, and CONFLICT where the action makes no sense in the present state.
        """
        return await self._table[action](self._supervisor.get(slot_id), _Wish(hold_lock, fault))

    async def _kill(self, slot: Slot, wish: _Wish) -> ActionResult:
        child = self._running(slot)
        self._heard("kill", slot, wish.fault)
        self._ask(slot, f"killed by {wish.who}")
        child.signal(platform.kill)
        return _did(
            slot, "kill", child, "sent SIGKILL; it restarts at once" if slot.wanted else "sent SIGKILL"
        )

    async def _terminate(self, slot: Slot, wish: _Wish) -> ActionResult:
        child = self._running(slot)
        self._not_frozen(slot)
        self._heard("terminate", slot, wish.fault)
        self._ask(slot, f"terminated by {wish.who}")
        self._leave(slot, "terminating")
        self._tasks.spawn(self._end(child), f"end of {slot.id}")
        then = "; then it restarts" if slot.wanted else ""
        return _did(slot, "terminate", child, f"out of rotation, finishing what is under way{then}")

    async def _end(self, child: Child) -> None:
        await self._clock.sleep(LEAVE_S)
        child.signal(platform.terminate)
        await end_within(child, TERMINATE_S)

    async def _freeze(self, slot: Slot, wish: _Wish) -> ActionResult:
        if not platform.can_freeze():
            raise ApiError("CONFLICT", "this platform cannot freeze a process")
        child = self._freezable(slot)
        if not wish.hold_lock and slot.service:
            await self._at_transaction_boundary(slot)
            if self._freezable(slot) is not child:
                raise ApiError("CONFLICT", f"{slot.id} ended meanwhile")
        self._heard("freeze", slot, wish.fault)
        child.signal(platform.freeze)
        reason = f"frozen by {wish.who} (SIGSTOP); in rotation until its checks fail"
        slot.catalog.apply(slot.id, Froze(reason), self._clock.now(), cause="action")
        return _did(slot, "freeze", child, "sent SIGSTOP; callers find out when it does not answer")

    async def _at_transaction_boundary(self, slot: Slot) -> None:
        """A process stopped while it holds the write lock would block its siblings, which is not what was asked."""
        try:
            answer = await self._agents.command(slot.id, "hold-writes", HOLD_WRITES_S)
            if not answer.ok:
                log.warning("%s could not hold its writes: %s", slot.id, answer.message)
        except (TimeoutError, LookupError):
            log.warning("%s did not reach a transaction boundary within %g ms", slot.id, HOLD_WRITES_S * 1000)

    async def _thaw(self, slot: Slot, wish: _Wish) -> ActionResult:
        child = self._running(slot)
        if slot.catalog.get(slot.id).status is not Status.FROZEN:
            raise ApiError("CONFLICT", f"{slot.id} is not frozen")
        if slot.asked is not None:
            raise ApiError("CONFLICT", f"{slot.id} is about to end: {slot.asked}")
        self._heard("thaw", slot, wish.fault)
        child.signal(platform.thaw)
        why = "as its fault ended" if wish.fault else "by you"
        slot.catalog.apply(
            slot.id, Thawed(f"thawed {why}, check under way"), self._clock.now(), cause="action"
        )
        slot.checks.watch(slot.id)
        return _did(slot, "thaw", child, "sent SIGCONT")

    async def _restart(self, slot: Slot, wish: _Wish) -> ActionResult:
        self._not_leaving(slot)
        self._heard("restart", slot, wish.fault)
        self._supervisor.reset(slot)
        self._drain.cancel(slot)
        slot.wanted = True
        child = slot.running
        if child is None:
            self._supervisor.start(slot)
            return _did(slot, "restart", slot.running, "started")
        self._ask(slot, f"restarted by {wish.who}")
        if slot.catalog.get(slot.id).status is Status.FROZEN:
            child.signal(platform.kill)
            return _did(
                slot, "restart", child, "it was frozen, so it was killed; a new process starts at once"
            )
        self._leave(slot, "restarting")
        self._tasks.spawn(self._end(child), f"end of {slot.id}")
        return _did(
            slot, "restart", child, "out of rotation, finishing what is under way; then a new process starts"
        )

    async def _begin_drain(self, slot: Slot, wish: _Wish) -> ActionResult:
        child = self._running(slot)
        self._not_frozen(slot)
        self._not_leaving(slot)
        if not slot.service:
            raise ApiError("CONFLICT", f"{slot.id} is the only one of its kind; there is nothing to drain to")
        self._heard("drain", slot, wish.fault)
        self._drain.begin(slot, "drained by you; restart brings it back")
        return _did(
            slot, "drain", child, "out of rotation; it stops when nothing is in flight, and stays stopped"
        )

    # --- what must hold -------------------------------------------------------------------------------------------

    def _running(self, slot: Slot) -> Child:
        child = slot.running
        if child is None:
            raise ApiError(
                "CONFLICT", f"{slot.id} has no running process: {slot.catalog.get(slot.id).reason}"
            )
        return child

    def _freezable(self, slot: Slot) -> Child:
        child = self._running(slot)
        self._not_frozen(slot)
        status = slot.catalog.get(slot.id).status
        if status is Status.DRAINING:
            raise ApiError("CONFLICT", f"{slot.id} is about to end: {slot.catalog.get(slot.id).reason}")
        if status is Status.STARTING or not self._agents.is_linked(slot.id):
            raise ApiError("CONFLICT", f"{slot.id} is not linked yet; freeze it when it is healthy")
        return child

    def _not_frozen(self, slot: Slot) -> None:
        if slot.catalog.get(slot.id).status is Status.FROZEN:
            raise ApiError("CONFLICT", f"{slot.id} is frozen; thaw it first, or kill it")

    def _not_leaving(self, slot: Slot) -> None:
        if slot.leaving:
            raise ApiError("CONFLICT", f"{slot.id} is leaving for good; ask for more replicas to keep it")

    def _ask(self, slot: Slot, why: str) -> None:
        slot.asked = why

    def _leave(self, slot: Slot, why: str) -> None:
        slot.catalog.apply(slot.id, Draining(why), self._clock.now(), cause="action")


def _did(slot: Slot, action: str, child: Child | None, detail: str) -> ActionResult:
    return ActionResult(id=slot.id, action=action, pid=child.pid if child else None, detail=detail)
