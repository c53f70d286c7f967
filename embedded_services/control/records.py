"""The requests that went through the gateway, as it reports them."""

from collections.abc import Callable

from embedded_services.common.ring import Ring
from embedded_services.contracts.system import RequestRecord


class Recorder:
    """The newest requests through the gateway, as it reports them; what it could not keep counts as missed."""

    CAPACITY = 10_000

    def __init__(self, changed: Callable[[], None]) -> None:
        self.ring: Ring[RequestRecord] = Ring(self.CAPACITY)
        self._incarnation = 0
        self._seen = 0
        self._changed = changed

    def report(self, incarnation: int, records: list[RequestRecord], total: int) -> None:
        """`total` counts all requests of this incarnation of the gateway."""
        if incarnation != self._incarnation:
            self._incarnation, self._seen = incarnation, 0
        fresh = max(total - self._seen, len(records))
        self._seen = max(total, self._seen)
        self.ring.pass_over(fresh - len(records))
        for record in records:
            self.ring.append(record)
        if fresh:
            self._changed()
