"""The timeline of the system: hears what the control plane's sources tell, and keeps what became of it.

It only listens: nothing wakes it, it asks nobody, and a source whose word it cannot read does not fail because of it. To be
called in the loop, with what the sources tell, as they tell it.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import BusState
from embedded_services.contracts.faults import Fault
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.settings import Settings
from embedded_services.contracts.timeline import TimelineKind, TimelineSubject
from embedded_services.contracts.traffic import Traffic
from embedded_services.control.timeline.causality import Causality
from embedded_services.control.timeline.facts import Fact
from embedded_services.control.timeline.log import TimelineLog
from embedded_services.control.timeline.sources import deeds
from embedded_services.control.timeline.sources.calls import CallFacts
from embedded_services.control.timeline.sources.messages import MessageFacts
from embedded_services.control.timeline.sources.missed import MissedFacts
from embedded_services.control.timeline.sources.registry import RegistryFacts
from embedded_services.control.timeline.sources.sagas import SagaFacts
from embedded_services.registry.lifecycle import Entry

log = logging.getLogger(__name__)


class TimelineBook:
    def __init__(
        self,
        clock: Clock,
        changed: Callable[[], None],
        service_of: Callable[[str], str | None],
        trace_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`changed` is called when something was told. `service_of` gives the service of an instance, None if it is not known;
        `trace_of` the trace of a message, empty if it is not known."""
        self.log: Final = TimelineLog()
        self._clock = clock
        self._changed = changed
        self._service_of = service_of
        self._causality = Causality()
        self._registry = RegistryFacts()
        self._faults = deeds.FaultFacts()
        self._traffic = deeds.TrafficFacts()
        self._calls = CallFacts(service_of)
        self._messages = MessageFacts(trace_of)
        self._sagas = SagaFacts(service_of, clock.now())
        self._missed = MissedFacts()

    # --- what the control plane's own parts tell ------------------------------------------------------------------

    def entry_changed(self, before: Entry | None, after: Entry | None) -> None:
        """As catalogs tell their listeners."""
        self._tell(lambda: self._registry.changed(before, after, self._clock.now()))

    def action_taken(self, action: str, place: str, service: str, incarnation: int, fault: str = "") -> None:
        """Before anything follows from it. `fault` is the one that it is part of, empty if a person did it."""
        subject = (
            TimelineSubject(service=service, instance=place) if service else TimelineSubject(process=place)
        )
        self._tell(lambda: [deeds.action(action, subject, incarnation, self._clock.now(), fault)])

    def settings_changed(self, before: Settings, after: Settings) -> None:
        self._tell(lambda: deeds.settings_changed(before, after, self._clock.now()))

    def bus_changed(self, state: BusState | None) -> None:
        """The connection to the broker, whenever it changed."""
        self._tell(lambda: self._messages.bus(state, self._clock.now()))

    # --- faults and traffic ---------------------------------------------------------------------------------------

    def fault_told(self, fault: Fault) -> None:
        """Whenever something of it changed: armed, injected (its proof), expired or removed. Armed before it acts."""
        instance = fault.target.instance
        service = self._service_of(instance) if instance else None
        self._tell(lambda: self._faults.told(fault, service, self._clock.now()))

    def traffic_told(self, traffic: Traffic) -> None:
        """Whenever something of it changed."""
        self._tell(lambda: self._traffic.told(traffic, self._clock.now()))

    # --- what the processes tell ----------------------------------------------------------------------------------

    def beat(self, child: str, service: str, incarnation: int, beat: Beat) -> None:
        """What a process said of itself; `service` is empty for one that is no instance."""
        at, now = self._clock.now(), self._clock.monotonic()
        if beat.calls or beat.requests or beat.upstreams or beat.gateway or beat.decisions or beat.limits:
            self._tell(lambda: self._calls.told(child, incarnation, beat, at, now))
        if beat.handled or beat.outbox is not None:
            self._tell(lambda: self._messages.told(child, service, beat, at, now))
        if child == ORCHESTRATOR and beat.sagas:
            self._tell(lambda: self._sagas.told(beat, now))
        if beat.decisions_seq or beat.handled_seq or beat.sagas_missed:
            self._tell(lambda: self._missed.told(child, incarnation, beat, at))

    def _tell(self, read: Callable[[], Iterable[Fact]]) -> None:
        """Nobody who tells us anything is to fail because of what we make of it; that we failed is told."""
        try:
            facts = list(read())
        except Exception:
            log.exception("the timeline could not read what it was told")
            facts = [
                Fact(
                    kind=TimelineKind.MISSED,
                    at=self._clock.now(),
                    text="something could not be read; the log of the control plane says what",
                    subject=TimelineSubject(process="control"),
                    word="unreadable",
                )
            ]
        now = self._clock.monotonic()
        for fact in facts:
            for entry in self._causality.take(fact, now):
                self.log.tell(entry)
        if facts:
            self._changed()
