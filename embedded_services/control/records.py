"""The requests that went through the gateway, as it reports them."""

from collections.abc import Callable

from embedded_services.common.ring import Ring
from embedded_services.contracts.system import RequestRecord


class Recorder:
    """The newest requests through the gateway, as it reports them; what it could not keep counts as missed."""

    CAPACITY = 10_000

    def __init__(self, changed: Callable[[], None]) -> None:
        self.ring: Ring[RequestRecord] = Ring(self.CAPACITY)
        self._seen = 0
        self._changed = changed

    def report(self, records: list[RequestRecord], total: int) -> None:
        """`total` counts all requests of the gateway's present incarnation."""
        fresh = total - self._seen if total >= self._seen else total
        self._seen = total
        self.ring.pass_over(fresh - len(records))
        for record in records:
            self.ring.append(record)
        if fresh:
            self._changed()
