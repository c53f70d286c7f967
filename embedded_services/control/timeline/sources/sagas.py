"""What becomes of sagas: those that compensate, and how that ends. Pure but for memory.

A saga that goes through as it should is no news. Of many that fail at one step for one reason only the first is told by itself,
the others are counted with it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.sagas import ORCHESTRATOR, Saga, SagaState, StepState
from embedded_services.contracts.timeline import TimelineKind as Kind
from embedded_services.contracts.timeline import TimelineSubject, TimelineTone
from embedded_services.control.timeline.facts import Fact, armed_in_saga_name, saga_name

REMEMBERED: Final = 2_000
APART_S: Final = 10.0
"""Sagas that fail at one step are counted together while not more than this lies between them."""
_FAILED: Final = (StepState.FAILED, StepState.UNKNOWN)


@dataclass
class _Group:
    """Sagas that fail at one step: the first of them, and how many of them ended how."""

    first: str
    number: int
    last_at: float
    count: int = 0
    ended: int = 0
    failed: int = 0


class SagaFacts:
    """`service_of` gives the service of an instance, None if it is not known. Of sagas that were started before `since`, by
    the wall clock, only what is seen to happen is told."""

    def __init__(self, service_of: Callable[[str], str | None], since: float) -> None:
        self._service_of = service_of
        self._since = since
        self._states: OrderedDict[str, SagaState] = OrderedDict()
        self._groups: dict[str, _Group] = {}
        self._group_of: OrderedDict[str, tuple[str, _Group]] = OrderedDict()
        self._armed: OrderedDict[str, None] = OrderedDict()
        self._number = 0

    def told(self, beat: Beat, now: float) -> Iterator[Fact]:
        """A beat of the orchestrator, received at `now` (monotonic)."""
        for saga in beat.sagas:
            before = self._states.pop(saga.id, None)
            self._states[saga.id] = saga.state
            if len(self._states) > REMEMBERED:
                self._states.popitem(last=False)
            if saga.faults and saga.id not in self._armed and saga.started_at >= self._since:
                yield from self._faults(saga)
            if before is not saga.state:
                yield from self._moved(saga, before, now)

    def _faults(self, saga: Saga) -> Iterator[Fact]:
        """Faults that the run was started with."""
        self._armed[saga.id] = None
        if len(self._armed) > REMEMBERED:
            self._armed.popitem(last=False)
        for step, fault in saga.faults.items():
            yield Fact(
                kind=Kind.FAULT_ARMED,
                at=saga.started_at,
                text=f"fault {fault.kind.value} on {step} of saga {saga.id}",
                subject=TimelineSubject(saga=saga.id, step=step),
                source=ORCHESTRATOR,
                word=fault.kind.value,
                names=(armed_in_saga_name(saga.id),),
                traces=(saga.trace_id,),
            )

    def _moved(self, saga: Saga, before: SagaState | None, now: float) -> Iterator[Fact]:
        if saga.state is SagaState.COMPENSATING and saga.id not in self._group_of:
            yield self._compensating(saga, now)
        elif saga.state is SagaState.COMPENSATION_FAILED:
            if saga.id not in self._group_of:
                yield self._compensating(saga, now)
            yield self._failed(saga)
        elif saga.state is SagaState.COMPENSATED:
            is_seen = before is not None or saga.started_at >= self._since
            if saga.id not in self._group_of and is_seen:
                yield self._compensating(saga, now)  # too quick to be seen in between
            if saga.id in self._group_of:
                yield self._ended(saga)
        elif saga.state is SagaState.COMPLETED and saga.id in self._group_of:
            yield self._ended(saga)

    def _compensating(self, saga: Saga, now: float) -> Fact:
        step = next((step for step in saga.steps if step.state in _FAILED), None)
        if step is None:
            step = next((one for one in saga.steps if one.error), None)
        name = step.name if step else ""
        group = self._groups.get(name)
        if group is None or now - group.last_at > APART_S or saga.faults:
            self._number += 1
            group = self._groups[name] = _Group(saga.id, self._number, now)
        group.count += 1
        group.last_at = now
        self._group_of[saga.id] = name, group
        if len(self._group_of) > REMEMBERED:
            self._group_of.popitem(last=False)
        service = self._service_of(step.instance) if step and step.instance else None
        many = f"{group.count:,} sagas compensate" if group.count > 1 else f"saga {saga.id} compensates"
        return Fact(
            kind=Kind.SAGA_COMPENSATING,
            at=saga.updated_at,
            text=f"{many}: {saga.failure or name}",
            subject=TimelineSubject(service=service, saga=group.first, step=name or None),
            source=ORCHESTRATOR,
            key=f"compensating:{group.number}",
            count=group.count,
            traces=(saga.trace_id,),
            names=(saga_name(group.first),),
            because=(armed_in_saga_name(saga.id),) if saga.faults else (),
        )

    def _ended(self, saga: Saga) -> Fact:
        step, group = self._group_of.pop(saga.id)
        group.ended += 1
        many = f"{group.ended:,} sagas" if group.ended > 1 else f"saga {saga.id}"
        return Fact(
            kind=Kind.SAGA_ENDED,
            at=saga.updated_at,
            text=f"{many} {saga.state.value}",
            subject=TimelineSubject(saga=group.first, step=step or None),
            source=ORCHESTRATOR,
            word=saga.state.value,
            tone=TimelineTone.OK,
            key=f"ended:{group.number}:{saga.state.value}",
            count=group.ended,
            traces=(saga.trace_id,),
            because=(saga_name(group.first),),
        )

    def _failed(self, saga: Saga) -> Fact:
        step, group = self._group_of[saga.id]
        group.failed += 1
        many = f"{group.failed:,} sagas" if group.failed > 1 else f"saga {saga.id}"
        return Fact(
            kind=Kind.SAGA_FAILED,
            at=saga.updated_at,
            text=f"{many}: compensation failed, a person is needed",
            subject=TimelineSubject(saga=group.first, step=step or None),
            source=ORCHESTRATOR,
            key=f"failed:{group.number}",
            count=group.failed,
            traces=(saga.trace_id,),
            because=(saga_name(group.first),),
        )
