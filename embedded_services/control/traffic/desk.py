"""The control plane's side of traffic: starts the generator's process when it is wanted, tells it what to do, shows how it goes,
and ends the process when it has had nothing to do for a while.

Traffic never begins or goes on by itself: when its process ends, for whatever reason, or the control plane was started anew,
it is stopped, and the reason is shown. It is not part of the system that it loads: whether it is well says nothing of that.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from embedded_services.common import platform
from embedded_services.common.clock import Clock
from embedded_services.common.ring import Ring
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat, Done
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.instances import Status
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.runtime import Runtime
from embedded_services.contracts.traffic import (
    TRAFFIC,
    Phase,
    Traffic,
    TrafficOrder,
    TrafficSample,
    TrafficWish,
)
from embedded_services.control.launcher import end_within
from embedded_services.control.slots import GATEWAY, Leaves, Slot
from embedded_services.control.supervisor import HOST, Supervisor
from embedded_services.control.traffic.plans import limit_note, planned
from embedded_services.registry.catalog import Catalog
from embedded_services.registry.checks import HealthChecks
from embedded_services.registry.lifecycle import Entry

MODULE: Final = "embedded_services.traffic.process"
KEPT_SAMPLES: Final = 2_400
"""Ten minutes."""
IDLE_S: Final = 20.0
START_S: Final = 5.0
ANSWER_S: Final = 2.0
TERMINATE_S: Final = 1.5
BEGUN_ANEW: Final = "the control plane was started anew: traffic does not go on by itself"

log = logging.getLogger(__name__)


class Links(Protocol):
    """What the desk needs of the agent links."""

    def is_linked(self, child: str) -> bool: ...

    async def command(self, child: str, name: str, timeout_s: float, argument: Any = None) -> Done:
        """Raises TimeoutError, or LookupError when it is not linked."""
        ...


class TrafficDesk:
    def __init__(
        self,
        supervisor: Supervisor,
        agents: Links,
        processes: tuple[Catalog, HealthChecks],
        limits: Callable[[], LimitSettings],
        clock: Clock,
        tasks: Tasks,
        changed: Callable[..., None],
    ) -> None:
        """`processes` are the desk's own; `changed` hears the names of the stream's topics."""
        self._supervisor = supervisor
        self._agents = agents
        self._catalog, self._checks = processes
        self._limits = limits
        self._clock = clock
        self._tasks = tasks
        self._changed = changed
        self._one_at_a_time = asyncio.Lock()
        self._state = Traffic()
        self._incarnation = 0
        self._seen = 0
        self._ending: Callable[[], None] | None = None
        self.samples: Ring[TrafficSample] = Ring(KEPT_SAMPLES)
        self._catalog.subscribe(self._process_changed)

    # --- what is shown --------------------------------------------------------------------------------------------

    @property
    def state(self) -> Traffic:
        return self._state

    def states(self) -> dict[str, Callable[[], dict[str, Traffic]]]:
        """The state topics of the stream."""
        return {TRAFFIC: lambda: {TRAFFIC: self._state}}

    def rings(self) -> dict[str, Ring[Any]]:
        """The event topics."""
        return {"traffic-samples": self.samples}

    def recall(self, last: Runtime | None) -> None:
        """What the run before this one, if it did not end in an orderly way, was about."""
        if last is not None and any(process.name == TRAFFIC for process in last.processes):
            self._show(Traffic(reason=BEGUN_ANEW))

    # --- what is asked --------------------------------------------------------------------------------------------

    async def start(self, wish: TrafficWish) -> Traffic:
        """Start traffic, or change the traffic that runs. Raises VALIDATION_FAILED, SERVICE_UNAVAILABLE."""
        async with self._one_at_a_time:
            goes_on = self._state.phase in (Phase.SIGNING_IN, Phase.RUNNING)
            limits = self._limits()
            plan = planned(wish, self._state.plan if goes_on else None, limits)
            if GATEWAY not in self._supervisor:
                raise ApiError("SERVICE_UNAVAILABLE", "there is no gateway yet to send traffic to")
            run = self._state.run + (not goes_on)
            if not goes_on:
                now = self._clock.now()
                self._show(
                    Traffic(phase=Phase.STARTING, reason="its process starts", run=run, plan=plan, since=now)
                )
            self._stay()
            try:
                await self._process()
                order = TrafficOrder(run=run, plan=plan, host=HOST, port=self._supervisor.get(GATEWAY).port)
                self._show(await self._command(TRAFFIC, order))
            except ApiError as error:
                if not goes_on:
                    self._stopped(error.message)
                raise
            return self._state

    async def stop(self) -> Traffic:
        """Stop it; what it did stays to be seen. A process that does not answer is killed."""
        async with self._one_at_a_time:
            if self._state.phase is Phase.STOPPED:
                return self._state
            try:
                self._show(await self._command("stop-traffic", "stopped by you"))
            except ApiError as error:
                log.warning("traffic could not be stopped: %s", error.message)
                self._stopped("stopped by you; its process did not answer, and was killed")
                self._kill()
            return self._state

    async def _process(self) -> Slot:
        """The generator's process, started if there is none. Raises SERVICE_UNAVAILABLE when it does not come up."""
        if TRAFFIC not in self._supervisor:
            self._supervisor.add(
                Slot(
                    id=TRAFFIC,
                    role=TRAFFIC,
                    service="",
                    module=MODULE,
                    number=1,
                    preferred_port=0,
                    pinned_port=True,  # on any port at all: nobody but the health checks asks for it
                    port=0,
                    catalog=self._catalog,
                    checks=self._checks,
                    leaves=Leaves.FIRST,
                )
            )
        slot = self._supervisor.get(TRAFFIC)
        deadline = self._clock.monotonic() + START_S
        while not self._agents.is_linked(TRAFFIC) or self._incarnation != slot.incarnation:
            if slot.running is None or self._clock.monotonic() > deadline:
                raise ApiError("SERVICE_UNAVAILABLE", "the traffic process did not start; its log says why")
            await self._clock.sleep(0.01)
        return slot

    async def _command(self, name: str, argument: object) -> Traffic:
        try:
            answer = await self._agents.command(TRAFFIC, name, ANSWER_S, argument)
        except (TimeoutError, LookupError) as error:
            raise ApiError("SERVICE_UNAVAILABLE", "the traffic process does not answer") from error
        if not answer.ok:
            raise ApiError("SERVICE_UNAVAILABLE", f"the traffic process failed: {answer.message}")
        return msgspec.convert(answer.result, Traffic)

    def _kill(self) -> None:
        if TRAFFIC in self._supervisor and (child := self._supervisor.get(TRAFFIC).running) is not None:
            self._supervisor.get(TRAFFIC).asked = "killed: it did not answer"
            child.signal(platform.kill)

    # --- what the process says, and what becomes of it -------------------------------------------------------------

    def report(self, child: str, incarnation: int, beat: Beat) -> None:
        """What a process said of itself. The last words of one that has ended change nothing any more."""
        if child != TRAFFIC or beat.traffic is None or incarnation != self._incarnation:
            return
        missed = max(0, beat.traffic_seq - self._seen)
        fresh = beat.traffic_samples[-missed:] if missed else []
        self._seen = max(self._seen, beat.traffic_seq)
        self.samples.pass_over(missed - len(fresh))
        for sample in fresh:
            self.samples.append(sample)
        if fresh:
            self._changed("traffic-samples")
        if beat.traffic.run == self._state.run:
            self._show(beat.traffic)

    def _process_changed(self, before: Entry | None, after: Entry | None) -> None:
        self._changed("processes", "journal")
        if after is None:
            return
        if after.incarnation != self._incarnation and after.pid is not None:
            self._incarnation, self._seen = after.incarnation, 0
            self._supervisor.get(TRAFFIC).wanted = False  # it does not come back by itself
            if before is not None and before.incarnation and self._state.phase is not Phase.STARTING:
                self._stopped("its process was restarted")
        elif after.status is Status.STOPPED:
            self._incarnation = 0
            if self._state.phase is not Phase.STOPPED:
                self._stopped(f"its process ended: {after.reason}")
            asyncio.get_running_loop().call_soon(self._forget_process)

    def _forget_process(self) -> None:
        if TRAFFIC in self._supervisor and (slot := self._supervisor.get(TRAFFIC)).running is None:
            self._supervisor.remove(slot, "there is no traffic")

    def _stopped(self, reason: str) -> None:
        self._show(
            msgspec.structs.replace(
                self._state,
                phase=Phase.STOPPED,
                reason=reason,
                ended_at=self._clock.now(),
                in_flight=0,
                asked=0.0,
            )
        )

    def _show(self, state: Traffic) -> None:
        told_apart = state.addresses
        note = limit_note(state.plan, told_apart, self._limits()) if told_apart else None
        notes = [note, *state.notes] if note is not None and note not in state.notes else state.notes
        if self._state.phase is not Phase.STOPPED and state.phase is Phase.STOPPED:
            self._leave()
        self._state = msgspec.structs.replace(state, notes=notes)
        self._changed(TRAFFIC)

    # --- an idle process ------------------------------------------------------------------------------------------

    def _stay(self) -> None:
        if self._ending is not None:
            self._ending()
            self._ending = None

    def _leave(self) -> None:
        self._stay()
        self._ending = self._tasks.spawn(self._end_when_idle(), "end of the traffic process")

    async def _end_when_idle(self) -> None:
        await self._clock.sleep(IDLE_S)
        if TRAFFIC not in self._supervisor:
            return
        slot = self._supervisor.get(TRAFFIC)
        child = slot.running
        if child is not None:
            slot.asked = f"there was no traffic for {IDLE_S:g} s"
            child.signal(platform.terminate)
            await end_within(child, TERMINATE_S)
