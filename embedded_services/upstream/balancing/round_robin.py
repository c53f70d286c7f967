"""Each in turn."""

from collections.abc import Collection, Sequence
from typing import Generic

from embedded_services.upstream.balancing.strategy import Draw, M
from embedded_services.upstream.balancing.turns import Turns


class RoundRobin(Generic[M]):
    """Calls that are repeated take turns of their own: else a broken instance of two would be the first choice of every
    call, because each repetition would use up the other one's turn."""

    word = "turn"

    def __init__(self, draw: Draw) -> None:
        self._count = 0
        self._first: Turns[M] = Turns(draw)
        self._repeated: Turns[M] = Turns(draw)

    def update(self, members: Sequence[M]) -> None:
        self._count = len(members)
        self._first.update(members)
        self._repeated.update(members)

    def pick(
        self,
        now: float,  # noqa: ARG002 - not the protocol's every argument matters here
        key: str | None = None,  # noqa: ARG002
        out: Collection[str] = (),
        *,
        again: bool = False,
    ) -> M | None:
        return (self._repeated if again else self._first).take(out)

    def why(self, chosen: M, now: float, key: str | None) -> str:  # noqa: ARG002
        previous = self._first.previous
        return f"turn: after {previous}" if previous not in (None, chosen.id) else "turn: the first"

    def load(self, member: M, now: float) -> float | None:  # noqa: ARG002
        return None

    def expected(self, member: M) -> float | None:  # noqa: ARG002
        return 1 / self._count
