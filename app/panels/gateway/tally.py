"""How much of what happened is here. Pure."""

from dataclasses import dataclass


@dataclass
class Tally:
    """Of the `taken + missed` events since the first look, `missed` were not kept. Numbers count up without holes."""

    total: int = 0
    taken: int = 0
    missed: int = 0

    def see(self, fresh: int, total: int) -> None:
        """`fresh` new ones were taken in; `total` counts all there ever were. What was before the first look counts
        for nothing.
        """
        if self.total:
            self.missed += max(0, total - self.total - fresh)
            self.taken += fresh
        self.total = total

    @property
    def kept(self) -> float:
        """From 0 to 1."""
        seen = self.taken + self.missed
        return self.taken / seen if seen else 1.0
