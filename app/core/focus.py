"""What the window is narrowed to: an entry of the timeline and all that came of it. Pure.

Panels ask it whether something belongs. A focus that says nothing of what a panel shows narrows that panel not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.timeline import TimelineEntry, TimelineKind

BEFORE_S: Final = 1.0
"""What led to an entry may have been noted a moment before it, by another clock."""


@dataclass(frozen=True)
class Focus:
    """`label` is what was chosen, as people read it. `services` are those of the instances too; `whole_services` those that
    it is about as a whole; `processes` are the gateway, the broker and so on. `limited`: clients were over their limit."""

    label: str
    since: float
    services: frozenset[str] = frozenset()
    whole_services: frozenset[str] = frozenset()
    instances: frozenset[str] = frozenset()
    processes: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    sagas: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    faults: frozenset[str] = frozenset()
    limited: bool = False
    many_sagas: bool = False
    """More than those that are named."""

    def has_instance(self, instance: str | None, service: str | None) -> bool:
        if instance is None:
            return service in self.services
        return instance in self.instances or service in self.whole_services

    def has_process(self, name: str) -> bool:
        """Any process, an instance's too, whose name begins with that of its service."""
        return name in self.processes or self.has_instance(name, name.rpartition("-")[0])

    @property
    def has_places(self) -> bool:
        return bool(self.services or self.instances or self.processes)

    def has_time(self, at: float) -> bool:
        return at >= self.since - BEFORE_S


def focus_on(entry: TimelineEntry, effects: Iterable[TimelineEntry], label: str) -> Focus:
    """An entry with all that came of it, its own effects and theirs."""
    every = [entry, *effects]
    subjects = [one.subject for one in every]
    return Focus(
        label=label,
        since=entry.at,
        services=_named(subject.service for subject in subjects),
        whole_services=_named(subject.service for subject in subjects if subject.instance is None),
        instances=_named(subject.instance for subject in subjects),
        processes=_named(subject.process for subject in subjects),
        traces=_named(trace for one in every for trace in one.traces),
        sagas=_named(subject.saga for subject in subjects),
        queues=_named(subject.queue for subject in subjects),
        events=_named(subject.event for subject in subjects),
        faults=_named(subject.fault for subject in subjects),
        limited=any(one.kind is TimelineKind.LIMITED_BURST for one in every),
        many_sagas=any(one.subject.saga and one.count > 1 for one in every),
    )


def _named(names: Iterable[str | None]) -> frozenset[str]:
    return frozenset(name for name in names if name)
