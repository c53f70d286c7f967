"""What the processes report in their beats, handed to whoever keeps it."""

from collections.abc import Callable
from dataclasses import dataclass

from embedded_services.contracts.agent import Beat
from embedded_services.control.events.desk import EventDesk
from embedded_services.control.faults.desk import FaultDesk
from embedded_services.control.gateway_book import GatewayBook
from embedded_services.control.records import Recorder
from embedded_services.control.sagas.desk import SagaDesk
from embedded_services.control.slots import GATEWAY
from embedded_services.control.timeline.book import TimelineBook
from embedded_services.control.traces import TraceBook
from embedded_services.control.traffic.desk import TrafficDesk


@dataclass(frozen=True)
class Intake:
    """`changed` hears the names of the stream's topics."""

    requests: Recorder
    gateway: GatewayBook
    events: EventDesk
    sagas: SagaDesk
    traffic: TrafficDesk
    timeline: TimelineBook
    traces: TraceBook
    faults: FaultDesk
    changed: Callable[..., None]

    def take(self, child: str, service: str, incarnation: int, beat: Beat) -> None:
        """`service` is whose instance the child is, empty for the other processes."""
        if child == GATEWAY:
            self.requests.report(incarnation, beat.requests, beat.requests_seq)
            self.gateway.report(incarnation, beat)
        self.events.report(child, service, incarnation, beat)
        self.sagas.report(child, beat)
        self.traffic.report(child, incarnation, beat)
        self.faults.report(child, incarnation, beat)
        self.timeline.beat(child, service, incarnation, beat)
        if beat.spans or beat.spans_dropped:
            self.traces.report(beat.spans, beat.spans_dropped)
        if beat.calls:
            self.changed("instances")
