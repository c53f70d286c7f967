"""Who has taken notice of the faults in force: each process that is linked says which revision of them it decides by."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

from embedded_services.contracts.faults import FaultLayer, FaultState
from embedded_services.contracts.instances import Status
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.control.agents import Agents
from embedded_services.control.faults.record import Record
from embedded_services.control.slots import BROKER, GATEWAY, Slot
from embedded_services.control.supervisor import Supervisor


class Notice:
    """`revision` counts the pushes. `records` are the faults in force."""

    def __init__(self, supervisor: Supervisor, agents: Agents, records: Mapping[str, Record]) -> None:
        self._supervisor = supervisor
        self._agents = agents
        self._records = records
        self._news = asyncio.Event()
        self.revision = 0

    def push(self) -> None:
        """Tell every process, now."""
        self.revision += 1
        self._agents.push_faults()

    def heard(self) -> Iterator[Record]:
        """A process has said something: the faults that wait for nobody any more."""
        for record in list(self._records.values()):
            if record.state is FaultState.PENDING and record.kind.layer is not FaultLayer.CONTROL:
                record.waits_for = self._missing(record)
                if not record.waits_for:
                    yield record
        self._news.set()

    async def until_has(self, record: Record, within_s: float) -> None:
        """Wait until all who may carry it out have it."""
        await self._until(lambda: not self._missing(record), within_s)

    async def until_all_have(self, within_s: float) -> list[str]:
        """Wait until all that live have heard of the newest faults. Returns those that have not, the frozen ones included."""
        await self._until(lambda: all(map(self._has, self._live())), within_s)
        return [slot.id for slot in self._linked() if not self._has(slot.id)]

    async def _until(self, holds: Callable[[], bool], within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return

    def _missing(self, record: Record) -> list[str]:
        return [child for child in self._carriers(record) if not self._has(child)]

    def _has(self, child: str) -> bool:
        return self._agents.has_faults(child, self.revision)

    def _carriers(self, record: Record) -> list[str]:
        """The processes that live and may carry it out; and the gateway, which counts what clients see of it."""
        aim, layer, live = record.aim, record.kind.layer, self._live()
        if aim.process is not None:
            wanted = {aim.process}
        elif layer is FaultLayer.ORCHESTRATOR:
            wanted = {ORCHESTRATOR}
        elif layer is FaultLayer.EDGE:
            wanted = {child for child in live if self._agents.calls_services(child)}
        elif aim.instance is not None:
            wanted = {aim.instance}
        elif aim.service is not None:
            wanted = {child for child, service in live.items() if service == aim.service}
        else:
            wanted = live.keys() - {BROKER}
        return [child for child in live if child in wanted or child == GATEWAY]

    def _live(self) -> dict[str, str]:
        """Those that could hear of a fault now, with their services."""
        return {
            slot.id: slot.service
            for slot in self._linked()
            if slot.catalog.get(slot.id).status is not Status.FROZEN
        }

    def _linked(self) -> list[Slot]:
        return [
            slot
            for slot in self._supervisor.slots()
            if slot.running is not None and self._agents.is_linked(slot.id)
        ]
