"""The last ten minutes of samples, as curves. No Qt; it never holds more than `KEPT`."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from embedded_services.contracts.traffic import TrafficSample

KEPT: Final = 2_400
GAP_S: Final = 1.0
"""Without a sample for so long, or in another run, a curve has a gap."""
STACK: Final = ("2xx", "3xx", "4xx", "429", "5xx", "error")
NAN: Final = math.nan

Curve = list[float]


@dataclass(frozen=True)
class Curves:
    """Of one stretch of time, `times` in seconds since the epoch; NaN where a curve has a gap. `answers` are stacked: each curve
    is the sum of those before it and its own, a second."""

    times: Curve
    asked: Curve
    rate: Curve
    p50: Curve
    p95: Curve
    p99: Curve
    longest: Curve
    in_flight: Curve
    answers: dict[str, Curve]


class TrafficSeries:
    def __init__(self) -> None:
        self._samples: deque[TrafficSample] = deque(maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, samples: Iterable[TrafficSample]) -> None:
        self._samples.extend(samples)

    def clear(self) -> None:
        self._samples.clear()

    @property
    def last(self) -> TrafficSample | None:
        return self._samples[-1] if self._samples else None

    def recent(self, seconds: float) -> list[TrafficSample]:
        """Those of the last so many seconds of samples, oldest first."""
        found: list[TrafficSample] = []
        last = self.last
        for sample in reversed(self._samples):
            if last is None or sample.at < last.at - seconds:
                break
            found.append(sample)
        found.reverse()
        return found

    def between(self, start: float, end: float) -> list[TrafficSample]:
        return [sample for sample in self._samples if start <= sample.at <= end]

    def curves(self, since: float) -> Curves:
        return curves([sample for sample in self._samples if sample.at >= since])


def curves(samples: Sequence[TrafficSample]) -> Curves:
    spaced = _with_gaps(samples)
    answers: dict[str, Curve] = {name: [] for name in STACK}
    for at, sample in enumerate(spaced):
        before = spaced[at - 1] if at else None
        span = sample.at - before.at if sample is not None and before is not None else 0.25
        total = 0.0
        counted = by_class(sample) if sample is not None else {}
        for name in STACK:
            total += counted.get(name, 0) / max(span, 0.05)
            answers[name].append(NAN if sample is None else total)

    def curve(value: Callable[[TrafficSample], float | None]) -> Curve:
        found = (None if sample is None else value(sample) for sample in spaced)
        return [NAN if one is None else one for one in found]

    return Curves(
        times=_times(spaced),
        asked=curve(lambda sample: sample.asked),
        rate=curve(lambda sample: sample.rate),
        p50=curve(lambda sample: sample.p50_ms),
        p95=curve(lambda sample: sample.p95_ms),
        p99=curve(lambda sample: sample.p99_ms),
        longest=curve(lambda sample: sample.max_ms),
        in_flight=curve(lambda sample: float(sample.in_flight)),
        answers=answers,
    )


def by_class(sample: TrafficSample) -> dict[str, int]:
    """What ended, by the first digit of its status; 429 apart, and what had no status as `error`."""
    found: dict[str, int] = {}
    for status, number in sample.statuses.items():
        name = class_of(status)
        found[name] = found.get(name, 0) + number
    if sample.errors:
        found["error"] = sum(sample.errors.values())
    return found


def class_of(status: str) -> str:
    return "429" if status == "429" else f"{status[:1]}xx"


def _with_gaps(samples: Sequence[TrafficSample]) -> list[TrafficSample | None]:
    spaced: list[TrafficSample | None] = []
    before: TrafficSample | None = None
    for sample in samples:
        if before is not None and (sample.run != before.run or sample.at - before.at > GAP_S):
            spaced.append(None)
        spaced.append(sample)
        before = sample
    return spaced


def _times(spaced: Sequence[TrafficSample | None]) -> Curve:
    """A gap has the time of the sample before it."""
    times: Curve = []
    for sample in spaced:
        times.append(sample.at if sample is not None else times[-1])
    return times
