"""The fault book: arms, extends, removes and restores, tells processes and people, and notices when a time is over.

A fault is written down before it acts. Whoever carries it out ends it by the clock, whatever becomes of this process; the
book's own timer undoes what was done to processes, and tells. Nothing here waits long for anybody: who has not said in time
that it took notice is named.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from embedded_services.common.clock import Clock
from embedded_services.common.ids import new_id
from embedded_services.common.tasks import Tasks
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.faults import (
    MAX_SEED,
    MAX_TTL_S,
    Fault,
    FaultLayer,
    Faults,
    FaultState,
    NewFault,
    Restored,
)
from embedded_services.contracts.system import RequestRecord
from embedded_services.contracts.traffic import TRAFFIC, TrafficSample
from embedded_services.control.actions import Actions
from embedded_services.control.agents import Agents
from embedded_services.control.faults.aiming import Scene, aim
from embedded_services.control.faults.notes import Notes
from embedded_services.control.faults.notice import Notice
from embedded_services.control.faults.process_faults import ProcessFaults
from embedded_services.control.faults.proofs import ProofBook
from embedded_services.control.faults.record import Aimed, Record
from embedded_services.control.slots import GATEWAY
from embedded_services.control.supervisor import Supervisor

ANSWER_S: Final = 0.09
"""How long whoever arms a fault waits for those who carry it out."""
RESTORE_S: Final = 0.15
TELL_S: Final = 0.25
LOOK_S: Final = 0.05
"""How often it is seen, while faults are in force, whether the time of one is over."""
NEVER_S: Final = 3600.0
ENDED: Final = 50
"""Faults that have ended which are still shown."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Around:
    """What the book works with. `scene` is what there is to aim at; `changed` hears that the stream's topic changed, `told`
    each fault of which something changed."""

    supervisor: Supervisor
    actions: Actions
    agents: Agents
    clock: Clock
    tasks: Tasks
    scene: Callable[[NewFault], Awaitable[Scene]]
    changed: Callable[[], None]
    told: Callable[[Fault], None]


class FaultDesk:
    """Works while `serving`. The faults in force come first, the newest first; then those that have ended."""

    def __init__(self, path: Path, around: Around) -> None:
        self._around = around
        self._clock = around.clock
        self._notes = Notes(path)
        self._records: dict[str, Record] = {}
        self._ended: dict[str, Record] = {}
        self._left: list[Fault] = []
        self._proofs = ProofBook()
        self._processes = ProcessFaults(
            around.supervisor, around.actions, around.clock, around.tasks, self._done
        )
        self._notice = Notice(around.supervisor, around.agents, self._records)
        self._seeds = Random()  # noqa: S311 - it only makes runs differ
        self._wake = asyncio.Event()
        self._proved: set[str] = set()
        self._proof_news = asyncio.Event()
        around.agents.faults = self.snapshot
        around.agents.heard_of_faults = self._acknowledged

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """At the end nothing is left written down: all processes end too, and what was done to them with them."""
        async with Tasks("faults") as tasks:
            tasks.spawn(self._watch(tasks), "expiry")
            tasks.spawn(self._tell_proofs(), "proof")
            try:
                yield
            finally:
                self._records.clear()
                try:
                    self._notes.write([])
                except ApiError as error:
                    log.error("%s; the next start will say that faults were left", error.message)

    # --- reading --------------------------------------------------------------------------------------------------

    def snapshot(self) -> Faults:
        """What children are told: those that are theirs to carry out."""
        items = [r.armed() for r in self._records.values() if r.kind.layer is not FaultLayer.CONTROL]
        return Faults(revision=self._notice.revision, items=items)

    def faults(self) -> list[Fault]:
        records = [*reversed(self._records.values()), *reversed(self._ended.values())]
        return [*(self._fault(record) for record in records), *self._left]

    def states(self) -> dict[str, Callable[[], Mapping[str, msgspec.Struct]]]:
        """The state topics of the stream."""
        return {"faults": lambda: {fault.id: fault for fault in self.faults()}}

    def rings(self) -> dict[str, Any]:
        return {}

    def get(self, fault: str) -> Fault:
        """Raises NOT_FOUND."""
        record = self._records.get(fault) or self._ended.get(fault)
        if record is not None:
            return self._fault(record)
        left = next((one for one in self._left if one.id == fault), None)
        if left is None:
            raise ApiError("NOT_FOUND", f"there is no fault {fault!r}")
        return left

    def _fault(self, record: Record) -> Fault:
        return record.fault(self._proofs.seen(record))

    # --- what people do -------------------------------------------------------------------------------------------

    async def arm(self, wish: NewFault) -> Fault:
        """It acts when this returns, or is `pending`, and says for whom it waits. Raises as `aiming.aim`, and CONFLICT where it
        cannot be done to its process."""
        record = self._record(aim(wish, await self._around.scene(wish), self._records.values()))
        self._records[record.id] = record
        try:
            self._write_down()
            self._tell(record)
            await self._processes.begin(record)
        except ApiError:
            self._records.pop(record.id, None)
            self._write_down()
            record.state, record.ended_wall = FaultState.REMOVED, self._clock.now()
            self._tell(record)
            raise
        if record.kind.layer is FaultLayer.CONTROL:
            record.state = FaultState.ACTIVE
            self._tell(record)
        else:
            self._notice.push()
            await self._taken_notice(record)
        self._wake.set()
        log.info("armed %s for %g s: %s at %s", record.id, record.ttl, record.kind.name, record.aimed_at)
        return self.get(record.id)

    async def extend(self, fault: str, ttl: float) -> Fault:
        """It ends `ttl` seconds from now. Raises NOT_FOUND, and CONFLICT for one that has ended."""
        record = self._in_force(fault)
        now = self._clock.monotonic()
        before = record.ttl, record.deadline, record.expires_wall
        record.ttl = min(ttl, MAX_TTL_S)
        record.deadline, record.expires_wall = now + record.ttl, self._clock.now() + record.ttl
        try:
            self._write_down()
        except ApiError:
            record.ttl, record.deadline, record.expires_wall = before
            raise
        self._tell(record)
        if record.kind.layer is not FaultLayer.CONTROL:
            self._notice.push()
            await self._taken_notice(record)
        self._wake.set()
        return self.get(fault)

    async def remove(self, fault: str) -> Fault:
        """Raises NOT_FOUND, and CONFLICT for one that has ended."""
        record = self._in_force(fault)
        await self._undo([record], FaultState.REMOVED)
        await self._notice.until_all_have(ANSWER_S)
        return self.get(fault)

    async def restore(self) -> Restored:
        """End all of them. First what is frozen goes on, then what is kept down starts, then everybody is told."""
        records = list(self._records.values())
        undone = await self._undo(records, FaultState.REMOVED)
        pending = await self._notice.until_all_have(RESTORE_S)
        return Restored(removed=[record.id for record in records], undone=undone, pending=pending)

    def _in_force(self, fault: str) -> Record:
        record = self._records.get(fault)
        if record is None:
            ended = self.get(fault)
            raise ApiError("CONFLICT", f"{fault} has ended: it is {ended.state.value}")
        return record

    def _record(self, aimed: Aimed) -> Record:
        wish, now, wall = aimed.wish, self._clock.monotonic(), self._clock.now()
        return Record(
            id=new_id("f"),
            kind=aimed.of,
            target=wish.target,
            aim=aimed.aim,
            params=aimed.params,
            probability=wish.probability,
            scope=aimed.scope,
            seed=self._seeds.randrange(MAX_SEED + 1) if wish.seed is None else wish.seed,
            ttl=wish.ttl,
            armed_at=now,
            armed_wall=wall,
            deadline=now + wish.ttl,
            expires_wall=wall + wish.ttl,
        )

    # --- ending ---------------------------------------------------------------------------------------------------

    def acted(self, action: str, process: str, fault: str) -> None:
        """An action is about to be taken, by a person or as part of `fault`: what it undoes is over."""
        self._overtaken(lambda record: self._processes.undone_by(record, action, process, fault))

    def _overtaken(self, by: Callable[[Record], str | None]) -> None:
        over = []
        for record in self._records.values():
            if record.state is FaultState.ACTIVE and (why := by(record)) is not None:
                record.detail = why
                over.append(record)
        if over:
            self._end(over, FaultState.REMOVED)

    async def _undo(self, records: list[Record], state: FaultState) -> list[str]:
        """End them, and say what was put right."""
        undone = [await self._processes.thaw(record) for record in records]
        undone += [self._processes.bring_back(record) for record in records]
        self._end(records, state)
        return [said for said in undone if said is not None]

    def _end(self, records: list[Record], state: FaultState) -> None:
        """What they did is put right, or will end by itself."""
        for record in records:
            if self._records.pop(record.id, None) is not None:
                record.state, record.ended_wall = state, self._clock.now()
                record.waits_for = []
                self._ended[record.id] = record
                log.info("%s is over: %s", record.id, state.value)
        while len(self._ended) > ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._proofs.forget(oldest)
        try:
            self._write_down()
        except ApiError as error:  # what is over must be over; at worst the next start says that it was left
            log.error("faults that ended are still written down: %s", error.message)
        if any(record.kind.layer is not FaultLayer.CONTROL for record in records):
            self._notice.push()
        for record in records:
            self._tell(record)
        self._wake.set()

    async def _watch(self, tasks: Tasks) -> None:
        """End each fault when its time is over; at once, if that was while this process stood still. A sleep until the deadline
        would not do: who is stopped after having computed it, and before it begins, sleeps all of it afterwards."""
        while True:
            self._wake.clear()
            self._overtaken(self._processes.overtaken)
            now = self._clock.monotonic()
            over = [record for record in self._records.values() if now >= record.deadline]
            if over:
                await self._undo(over, FaultState.EXPIRED)
                continue
            deadline = min((record.deadline for record in self._records.values()), default=None)
            next_s = NEVER_S if deadline is None else min(deadline - now, LOOK_S)
            waits = {
                tasks.start(self._clock.sleep(next_s), "next deadline"),
                tasks.start(self._wake.wait(), "other deadlines"),
            }
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    def recall(self) -> None:
        """At the start: what the run before left is over, for all its processes have ended. It is told, as removed."""
        left = self._notes.take()
        for fault in left:
            log.warning(
                "the previous run left the fault %s (%s) in force; it is cleared", fault.id, fault.kind
            )
        why = "the previous run ended without ending it; it was cleared at the start"
        now = self._clock.now()
        self._left = [
            msgspec.structs.replace(fault, state=FaultState.REMOVED, ended_at=now, detail=why)
            for fault in left[:ENDED]
        ]

    def _write_down(self) -> None:
        self._notes.write([record.fault(self._proofs.seen(record)) for record in self._records.values()])

    async def _taken_notice(self, record: Record) -> None:
        """Wait for those who carry it out."""
        self._acknowledged()
        await self._notice.until_has(record, ANSWER_S)

    def _acknowledged(self) -> None:
        for record in self._notice.heard():
            record.state = FaultState.ACTIVE
            self._tell(record)

    # --- what came of it ------------------------------------------------------------------------------------------

    def report(self, child: str, incarnation: int, beat: Beat) -> None:
        """What a process counted, and what the gateway tells of its requests."""
        if beat.faults:
            known = {*self._records, *self._ended}
            changed = self._proofs.report(child, incarnation, beat.faults, known)
            self._prove(changed)
            self._end_spent(changed)
        if child == GATEWAY and beat.requests:
            self._hear_clients(beat.requests)
        if child == TRAFFIC and beat.traffic_samples:
            self._hear_traffic(beat.traffic_samples)

    def _hear_clients(self, requests: list[RequestRecord]) -> None:
        """What clients saw of processes to which something was done, as the gateway tells it: also of what has ended meanwhile."""
        oldest = min(told.at for told in requests)
        lately = [record for record in self._ended.values() if (record.ended_wall or 0.0) >= oldest]
        for record in [*self._records.values(), *lately]:
            process = record.process if record.kind.layer is FaultLayer.CONTROL else None
            if process is None:
                continue
            deeds = self._proofs.deeds(record.id)
            nobody_left = self._processes.nobody_left(process)
            ended = record.ended_wall
            fresh = [told for told in requests if record.armed_wall <= told.at <= (ended or told.at)]
            if sum(deeds.witness(told, process, nobody_left) for told in fresh):
                self._prove([record.id])

    def _hear_traffic(self, samples: list[TrafficSample]) -> None:
        """What it saw of the gateway, which cannot count its clients while it is away."""
        for record in self._records.values():
            if record.kind.layer is not FaultLayer.CONTROL or record.process != GATEWAY:
                continue
            deeds, away = self._proofs.deeds(record.id), self._processes.is_away(GATEWAY)
            fresh = [sample for sample in samples if sample.at >= record.armed_wall]
            if sum(deeds.overhear(sample, away=away) for sample in fresh):
                self._prove([record.id])

    def _end_spent(self, faults: list[str]) -> None:
        """One that has acted as often as it was to is over, in whichever incarnation of its process it did."""
        for fault in faults:
            record = self._records.get(fault)
            if record is not None and 0 < record.times <= self._proofs.of(fault).injected:
                record.deadline, record.expires_wall = self._clock.monotonic(), self._clock.now()
                self._wake.set()

    def _done(self, record: Record) -> None:
        self._proofs.deeds(record.id).done += 1
        self._prove([record.id])

    def _prove(self, faults: list[str]) -> None:
        if faults:
            self._proved.update(faults)
            self._proof_news.set()

    async def _tell_proofs(self) -> None:
        while True:
            await self._proof_news.wait()
            self._proof_news.clear()
            proved, self._proved = self._proved, set()
            for fault in proved:
                if (record := self._records.get(fault) or self._ended.get(fault)) is not None:
                    self._around.told(self._fault(record))
            self._around.changed()
            await self._clock.sleep(TELL_S)

    def _tell(self, record: Record) -> None:
        self._around.told(self._fault(record))
        self._around.changed()
