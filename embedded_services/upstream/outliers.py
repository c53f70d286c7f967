"""Passive ejection: an instance that fails several times in a row is left alone for a while. Pure.

`now` is monotonic. Whether there is room for one more to be out, and whether so few are left that all must be used, is a
matter of the whole service: `may_eject`, `is_panic`.
"""

from embedded_services.contracts.settings import OutlierPolicy


class Outlier:
    """One instance's record; it belongs to an incarnation. `ejections` is a total."""

    __slots__ = ("_ejected_at", "_grown", "_returned_at", "consecutive", "ejections", "until")

    def __init__(self) -> None:
        self.consecutive = 0
        self.ejections = 0
        self.until: float | None = None
        self._grown = 0
        self._ejected_at = 0.0
        self._returned_at = 0.0

    def tune(self, policy: OutlierPolicy, now: float) -> bool:
        """Heed another policy. Whether it returned: one that is switched off ejects nobody."""
        if self.until is None:
            return False
        if policy.enabled:
            self.until = self._ejected_at + self._length(policy)
            return False
        self.pardon(now)
        return True

    @property
    def ejected(self) -> bool:
        return self.until is not None

    def failed(self, policy: OutlierPolicy) -> bool:
        """A call failed. Whether the instance should be ejected. What still comes in while it is out does not count."""
        if self.until is not None:
            return False
        self.consecutive += 1
        return self.consecutive >= policy.consecutive_failures

    def eject(self, now: float, policy: OutlierPolicy) -> float:
        """Out it goes. Returns for how many seconds: longer by `ejection_s` each time, and shorter again by as much for each
        `ejection_s` that it was in since."""
        forgiven = int((now - self._returned_at) / policy.ejection_s)
        self._grown = max(0, self._grown - forgiven) + 1
        self._ejected_at = now
        seconds = self._length(policy)
        self.until = now + seconds
        self.ejections += 1
        return seconds

    def _length(self, policy: OutlierPolicy) -> float:
        return min(policy.ejection_s * self._grown, policy.max_ejection_s)

    def tick(self, now: float) -> bool:
        """Let time pass. Whether it returned."""
        if self.until is None or now < self.until:
            return False
        self.pardon(now)
        return True

    def pardon(self, now: float) -> None:
        """Back it comes, with a clean slate."""
        self.until = None
        self.consecutive = 0
        self._returned_at = now


def may_eject(out: int, total: int, policy: OutlierPolicy) -> bool:
    """Whether one more may go when `out` of `total` are out already."""
    return total >= 2 and out < max(1, total * policy.max_ejected_percent // 100)


def is_panic(left: int, total: int, policy: OutlierPolicy) -> bool:
    """Whether `left` of `total` are too few to bear the load."""
    return policy.enabled and left * 100 < policy.panic_percent * total
