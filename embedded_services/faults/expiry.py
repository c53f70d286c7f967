"""When a fault acts within its life, and how strongly. Pure; looked at with each decision, so that no timer can be missed."""

from typing import Final

from embedded_services.faults.params import Params, Timed

OVER: Final = 0.0
FULL: Final = 1.0


class Timing:
    """Moments are the monotonic clock's."""

    __slots__ = ("_after", "_every", "_for", "_plain", "_ramp", "armed_at", "deadline")

    def __init__(self, params: Params, armed_at: float, deadline: float) -> None:
        self.armed_at = armed_at
        self.deadline = deadline
        timed = params if isinstance(params, Timed) else Timed()
        self._after = timed.after_s
        self._for = timed.for_s
        self._every = timed.every_s
        self._ramp = timed.ramp_s
        self._plain = not (timed.after_s or timed.for_s or timed.ramp_s)

    def strength(self, now: float) -> float:
        """From 0, it does not act, to 1. It never acts when `now >= deadline`."""
        if now >= self.deadline:
            return OVER
        if self._plain:
            return FULL
        into = now - self.armed_at - self._after
        if into < 0.0:
            return OVER
        if self._every:
            into %= self._every
        if self._for and into >= self._for:
            return OVER
        return min(1.0, into / self._ramp) if self._ramp else FULL
