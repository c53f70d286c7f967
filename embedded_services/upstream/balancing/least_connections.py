"""The one with the fewest calls under way; equals take turns, so that an idle system does not burden the first."""

from collections.abc import Collection, Sequence
from typing import Final, Generic

from embedded_services.upstream.balancing.strategy import Draw, M
from embedded_services.upstream.balancing.turns import Turns

_LISTED: Final = 4


class LeastConnections(Generic[M]):
    word = "least"

    def __init__(self, draw: Draw) -> None:
        self._members: Sequence[M] = ()
        self._turns: Turns[M] = Turns(draw)

    def update(self, members: Sequence[M]) -> None:
        self._members = members
        self._turns.update(members)

    def pick(
        self,
        now: float,  # noqa: ARG002
        key: str | None = None,  # noqa: ARG002
        out: Collection[str] = (),
        *,
        again: bool = False,  # noqa: ARG002
    ) -> M | None:
        return self._turns.take_least(out)

    def why(self, chosen: M, now: float, key: str | None) -> str:  # noqa: ARG002
        others = sorted({member.in_flight for member in self._members if member.id != chosen.id})
        if len(others) > _LISTED:
            against = f"{others[0]} to {others[-1]}"
        else:
            against = ", ".join(map(str, others)) or "nobody"
        return f"{chosen.in_flight} in flight against {against}"

    def load(self, member: M, now: float) -> float | None:  # noqa: ARG002
        return float(member.in_flight)

    def expected(self, member: M) -> float | None:  # noqa: ARG002
        """Instances that are equally fast get equal shares, and those of a service are meant to be."""
        return 1 / len(self._members)
