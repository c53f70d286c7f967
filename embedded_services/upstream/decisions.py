"""What was decided about how services are called, for people: the newest, and a total.

What happens often is told at once the first time and then, with how often, once a second at most.
"""

from collections import deque
from typing import Final

from embedded_services.common.clock import Clock
from embedded_services.contracts.gateway import Decision, DecisionKind

KEPT: Final = 500
_REPEATED_S: Final = 1.0


class _Repeated:
    """`count` times since `told_at` and not told yet."""

    __slots__ = ("count", "told_at", "why")

    def __init__(self, told_at: float) -> None:
        self.told_at = told_at
        self.count = 0
        self.why = ""


class Decisions:
    """`seq` counts all that were ever told: the difference to what was drained is what there was no room for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Decision] = deque(maxlen=KEPT)
        self._repeated: dict[tuple[str, DecisionKind], _Repeated] = {}
        self.seq = 0

    def tell(self, kind: DecisionKind, service: str, instance: str | None, why: str, count: int = 1) -> None:
        self.seq += 1
        self._kept.append(
            Decision(
                at=self._clock.now(), kind=kind, service=service, instance=instance, why=why, count=count
            )
        )

    def tell_often(self, kind: DecisionKind, service: str, why: str) -> None:
        """It is the same whenever it happens."""
        now = self._clock.monotonic()
        repeated = self._repeated.get((service, kind))
        if repeated is None:
            self._repeated[service, kind] = _Repeated(now)
            self.tell(kind, service, None, why)
            return
        repeated.count += 1
        repeated.why = why
        self._flush(service, kind, repeated, now)

    def drain(self) -> list[Decision]:
        """What was told since the last time, oldest first."""
        now = self._clock.monotonic()
        for (service, kind), repeated in list(self._repeated.items()):
            self._flush(service, kind, repeated, now)
        drained = list(self._kept)
        self._kept.clear()
        return drained

    def _flush(self, service: str, kind: DecisionKind, repeated: _Repeated, now: float) -> None:
        if now < repeated.told_at + _REPEATED_S:
            return
        if repeated.count:
            self.tell(kind, service, None, repeated.why, repeated.count)
            repeated.count, repeated.told_at = 0, now
        else:
            del self._repeated[service, kind]
