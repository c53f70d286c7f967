"""Any of them, each equally likely."""

from collections.abc import Collection, Sequence
from typing import Generic

from embedded_services.upstream.balancing.strategy import Draw, M


class RandomChoice(Generic[M]):
    word = "random"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._members: Sequence[M] = ()

    def update(self, members: Sequence[M]) -> None:
        self._members = members

    def pick(
        self,
        now: float,  # noqa: ARG002
        key: str | None = None,  # noqa: ARG002
        out: Collection[str] = (),
        *,
        again: bool = False,  # noqa: ARG002
    ) -> M | None:
        members = [member for member in self._members if member.id not in out] if out else self._members
        return members[int(self._draw() * len(members))] if members else None

    def why(self, chosen: M, now: float, key: str | None) -> str:  # noqa: ARG002
        return f"drawn by lot from {len(self._members)}"

    def load(self, member: M, now: float) -> float | None:  # noqa: ARG002
        return None

    def expected(self, member: M) -> float | None:  # noqa: ARG002
        return 1 / len(self._members)
