"""Turns in proportion to weight, smoothly spread, as nginx does it.

Each turn every member gains its weight, and the one with the most pays the sum of all. Over as many turns as the sum of
the weights each gets exactly its weight, and no one gets its turns in a row.
"""

from collections.abc import Collection, Sequence
from typing import Generic

from embedded_services.upstream.balancing.strategy import Draw, M


class _Credit(Generic[M]):
    """What each has gained since its last turns."""

    def __init__(self) -> None:
        self._credit: dict[str, int] = {}
        self._total = 0

    def update(self, members: Sequence[M]) -> None:
        """Who stays keeps its credit, to the scale of the weights that hold now; it sums up to zero."""
        total = sum(member.weight for member in members)
        scale = total / self._total if self._total else 0.0
        kept = {member.id: round(self._credit.get(member.id, 0) * scale) for member in members}
        if kept:
            each, rest = divmod(sum(kept.values()), len(kept))
            for place, name in enumerate(kept):
                kept[name] -= each + (place < rest)
        self._credit, self._total = kept, total

    def take(self, members: Sequence[M], out: Collection[str]) -> M | None:
        credit = self._credit
        best: M | None = None
        most = total = 0
        for member in members:
            name = member.id
            if out and name in out:
                continue
            weight = member.weight
            total += weight
            credit[name] = gained = credit[name] + weight
            if best is None or gained > most:
                best, most = member, gained
        if best is not None:
            credit[best.id] = most - total
        return best


class WeightedRoundRobin(Generic[M]):
    """Calls that are repeated take turns of their own, as in round robin."""

    word = "weight"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._members: Sequence[M] = ()
        self._total = 0
        self._first: _Credit[M] = _Credit()
        self._repeated: _Credit[M] = _Credit()

    def update(self, members: Sequence[M]) -> None:
        begins = not self._members
        self._members = members
        self._total = sum(member.weight for member in members)
        self._first.update(members)
        self._repeated.update(members)
        if begins:
            # Many callers that begin together should not all begin with the same instance.
            for _ in range(int(self._draw() * len(members))):
                self._first.take(members, ())

    def pick(
        self,
        now: float,  # noqa: ARG002
        key: str | None = None,  # noqa: ARG002
        out: Collection[str] = (),
        *,
        again: bool = False,
    ) -> M | None:
        return (self._repeated if again else self._first).take(self._members, out)

    def why(self, chosen: M, now: float, key: str | None) -> str:  # noqa: ARG002
        return f"weight {chosen.weight} of {self._total}"

    def load(self, member: M, now: float) -> float | None:  # noqa: ARG002
        return None

    def expected(self, member: M) -> float | None:
        return member.weight / self._total
