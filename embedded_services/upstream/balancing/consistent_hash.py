"""The same instance for the same key, by rendezvous: of all members the one whose hash together with the key is highest.

An instance that leaves gives only its own keys away, evenly to all others, and gets the same ones back when it returns.
The hash does not depend on the process, so that every caller sends a key to the same place.
"""

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Final, Generic

from embedded_services.upstream.balancing.strategy import Draw, M

_REMEMBERED: Final = 16_384
"""Keys whose place is kept, so that it need not be found again."""
_LONG: Final = 200
"""Characters of a key that is not kept: clients choose them, and memory is bounded."""
_MASK: Final = (1 << 64) - 1


class ConsistentHash(Generic[M]):
    """A call without a key goes anywhere."""

    word = "hash"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._members: Sequence[M] = ()
        self._hashes: dict[str, int] = {}
        self._places: dict[str, M] = {}

    def update(self, members: Sequence[M]) -> None:
        self._members = members
        self._hashes = {member.id: self._hashes.get(member.id) or _hash(member.id) for member in members}
        self._places = {}

    def pick(
        self,
        now: float,  # noqa: ARG002
        key: str | None = None,
        out: Collection[str] = (),
        *,
        again: bool = False,  # noqa: ARG002
    ) -> M | None:
        if key is None:
            return self._any(out)
        place = self._places.get(key)
        if place is None:
            place = self._find(key, ())
            if place is None:
                return None
            if len(key) <= _LONG:
                if len(self._places) >= _REMEMBERED:
                    self._places.clear()
                self._places[key] = place
        return self._find(key, out) if out and place.id in out else place

    def why(self, chosen: M, now: float, key: str | None) -> str:  # noqa: ARG002
        if key is None:
            return f"no key: drawn by lot from {len(self._members)}"
        kind = key.partition(":")[0]
        owner = self._places.get(key)
        if owner is not None and owner.id != chosen.id:
            return f"hash of {kind} lands on {owner.id}, and here next"
        return f"hash of {kind} lands here"

    def load(self, member: M, now: float) -> float | None:  # noqa: ARG002
        return None

    def expected(self, member: M) -> float | None:  # noqa: ARG002
        """It depends on which keys come how often."""
        return None

    def _find(self, key: str, out: Collection[str]) -> M | None:
        hashed = _hash(key)
        hashes = self._hashes
        return max(
            (member for member in self._members if member.id not in out),
            key=lambda member: _mix(hashed ^ hashes[member.id]),
            default=None,
        )

    def _any(self, out: Collection[str]) -> M | None:
        members = [member for member in self._members if member.id not in out]
        return members[int(self._draw() * len(members))] if members else None


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mix(bits: int) -> int:
    """Every bit of the outcome depends on every bit given (the end of splitmix64)."""
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & _MASK
    return bits ^ (bits >> 31)
