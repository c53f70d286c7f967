"""The less burdened of two that are drawn: latency × (calls under way + 1).

Two samples are nearly as good as looking at all, and unlike that they never send every caller to the same instance at
once. An instance that has not answered yet counts as being as fast as the others are on average: its first calls
under way hold back the next ones, so that it is neither flooded nor left out.
"""

from collections.abc import Collection, Sequence
from typing import Final, Generic

from embedded_services.upstream.balancing.strategy import Draw, M

_MS: Final = 1000.0
_UNKNOWN_S: Final = 0.001
"""What all count as while none has answered: then only calls under way matter."""


class PowerOfTwo(Generic[M]):
    word = "power-of-two"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._members: Sequence[M] = ()
        self._loads = (0.0, 0.0)

    def update(self, members: Sequence[M]) -> None:
        self._members = members

    def pick(
        self,
        now: float,
        key: str | None = None,  # noqa: ARG002
        out: Collection[str] = (),
        *,
        again: bool = False,  # noqa: ARG002
    ) -> M | None:
        members = [member for member in self._members if member.id not in out] if out else self._members
        count = len(members)
        if count < 2:
            return members[0] if members else None
        draw = self._draw
        first = int(draw() * count)
        second = int(draw() * (count - 1))
        second += second >= first
        one, other = members[first], members[second]
        load, against = self.load(one, now), self.load(other, now)
        if against < load:
            self._loads = against, load
            return other
        self._loads = load, against
        return one

    def why(self, chosen: M, now: float, key: str | None) -> str:  # noqa: ARG002
        load, against = self._loads
        return f"2 sampled: {load:.3g} {'equals' if load == against else 'beats'} {against:.3g}"

    def load(self, member: M, now: float) -> float:
        """Milliseconds × calls."""
        latency = member.latency_s(now)
        return (self._typical(now) if latency is None else latency) * _MS * (member.in_flight + 1)

    def expected(self, member: M) -> float | None:  # noqa: ARG002
        """Instances that are equally fast get equal shares, and those of a service are meant to be."""
        return 1 / len(self._members)

    def _typical(self, now: float) -> float:
        known = [latency for other in self._members if (latency := other.latency_s(now)) is not None]
        return sum(known) / len(known) if known else _UNKNOWN_S
