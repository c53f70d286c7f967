"""The requests that went through the gateway, as it reports them."""

from collections.abc import Callable

from embedded_services.common.ring import Ring
from embedded_services.contracts.system import RequestRecord
from embedded_services.control.tally import Tally


class Recorder:
    """The newest requests through the gateway, as it reports them; what it could not keep counts as missed."""

    CAPACITY = 10_000

    def __init__(self, changed: Callable[[], None]) -> None:
        self.ring: Ring[RequestRecord] = Ring(self.CAPACITY)
        self._tally = Tally()
        self._changed = changed

    def report(self, incarnation: int, records: list[RequestRecord], total: int) -> None:
        """`total` counts all requests of this incarnation of the gateway."""
        if self._tally.put(self.ring, incarnation, records, total):
            self._changed()
