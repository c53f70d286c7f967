"""How long to wait before trying again: exponential, with jitter, pure. Randomness and sleeping are the caller's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Seconds. The wait doubles from `first_s` up to `longest_s`; `jitter` is the share of it that chance takes off,
    so that many who lost the same server do not come back at the same moment.
    """

    first_s: float
    longest_s: float
    jitter: float = 0.5

    def delay(self, failures: int, chance: float) -> float:
        """The wait after `failures` failures in a row (1 is the first); `chance` is drawn from [0, 1)."""
        doublings = min(max(failures - 1, 0), 62)  # beyond, any sensible wait has reached its ceiling
        full = min(self.longest_s, self.first_s * 2.0**doublings)
        return full * (1.0 - self.jitter * chance)
