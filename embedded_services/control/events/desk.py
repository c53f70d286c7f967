"""The control plane's side of the message layer, put together: what passes, what waits, what failed, and what to do about it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from embedded_services.common.ring import Ring
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import Seen
from embedded_services.control.events.reports import Reports

EVENTS = 20_000


class EventDesk:
    def __init__(self, changed: Callable[..., None]) -> None:
        """`changed` hears the names of the stream's topics."""
        self.reports = Reports(changed)
        self.events: Ring[Seen] = Ring(EVENTS)

    def states(self) -> dict[str, Callable[[], Mapping[str, msgspec.Struct]]]:
        """The state topics of the stream."""
        return {
            "bus": dict,
            "queues": dict,
            "outbox": lambda: self.reports.outbox,
            "dead-letters": dict,
            "replays": dict,
        }

    def rings(self) -> dict[str, Ring[Any]]:
        """The event topics of the stream."""
        return {"events": self.events, "handled": self.reports.handled}

    def report(self, child: str, service: str, incarnation: int, beat: Beat) -> None:
        self.reports.report(child, service, incarnation, beat)
