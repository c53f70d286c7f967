"""What the processes said of the bus: how events were handled, and what waits in the outboxes.

A restarted process counts from zero; what it said before stays, and what it could not keep counts as missed.
"""

from collections.abc import Callable

from embedded_services.common.ring import Ring
from embedded_services.contracts.agent import Beat
from embedded_services.contracts.events import Handled, InstanceOutbox, OutboxState
from embedded_services.control.tally import Tally

HANDLED = 10_000


class Reports:
    def __init__(self, changed: Callable[..., None]) -> None:
        """`changed` hears the names of the stream's topics."""
        self._changed = changed
        self._tallies: dict[str, Tally] = {}
        self.handled: Ring[Handled] = Ring(HANDLED)
        self.outbox: dict[str, InstanceOutbox] = {}

    def report(self, instance: str, service: str, incarnation: int, beat: Beat) -> None:
        if beat.outbox is not None:
            self.outbox[instance] = _of(instance, service, beat.outbox)
            self._changed("outbox")
        tally = self._tallies.setdefault(instance, Tally())
        if tally.put(self.handled, incarnation, beat.handled, beat.handled_seq):
            self._changed("handled")

    def forget(self, instance: str) -> None:
        """It is no longer there."""
        if self.outbox.pop(instance, None) is not None:
            self._changed("outbox")


def _of(instance: str, service: str, state: OutboxState) -> InstanceOutbox:
    return InstanceOutbox(
        instance=instance,
        service=service,
        waiting=state.waiting,
        oldest_at=state.oldest_at,
        delayed=state.delayed,
        relayed=state.relayed,
        connected=state.connected,
        problem=state.problem,
    )
