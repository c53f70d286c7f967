"""What the stream does not keep: each instance's latency over the last minute, and how fast its requests come.

Sampled once a second; a second without contact is a gap, and rates begin anew after it. Pure but for memory.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from embedded_services.contracts.instances import Instance

KEPT: Final = 60
RATE_OVER: Final = 4
"""Seconds over which a rate is taken."""


@dataclass
class _Track:
    latency: deque[float | None] = field(default_factory=lambda: deque([None] * KEPT, KEPT))
    requests: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_OVER + 1))


class Readings:
    """`sample` once a second, also while nobody looks: the minute is to be there when somebody does."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}

    def sample(self, now: float, instances: Collection[Instance]) -> None:
        """`now` is monotonic, in seconds. Instances that are gone are forgotten."""
        self._tracks = {i.id: self._tracks.get(i.id) or _Track() for i in instances}
        for instance in instances:
            track = self._tracks[instance.id]
            track.latency.append(instance.latency_ms.p99)
            if track.requests and instance.requests < track.requests[-1][1]:
                track.requests.clear()  # counted anew by another control plane
            track.requests.append((now, instance.requests))

    def skip(self) -> None:
        """A second of which nothing is known."""
        for track in self._tracks.values():
            track.latency.append(None)
            track.requests.clear()

    def latency(self, instance: str) -> tuple[float | None, ...]:
        """p99 in milliseconds, `KEPT` seconds of it, the newest last; None where there was no call."""
        track = self._tracks.get(instance)
        return tuple(track.latency) if track else ()

    def rate(self, instances: Iterable[str]) -> float | None:
        """Requests a second of these together; None while no two readings of any of them are known."""
        rates = [rate for instance in instances if (rate := self._rate(instance)) is not None]
        return round(sum(rates), 1) if rates else None

    def _rate(self, instance: str) -> float | None:
        track = self._tracks.get(instance)
        if track is None or len(track.requests) < 2:
            return None
        (first_at, first), (last_at, last) = track.requests[0], track.requests[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None
