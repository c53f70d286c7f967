"""What requests took and how they ended, by the route and the instance that answered: totals, and the last ten seconds.

The hot path appends a latency to a list: one dict lookup, one append. A few times a second `digest` puts what waits
into buckets, all at once; once a second `turn` closes the second, which goes into the totals (an HdrHistogram) and the
window, and the oldest leaves that.
"""

from collections import Counter, deque
from itertools import accumulate
from typing import Final, NamedTuple, Self

from hdrh.histogram import HdrHistogram

from embedded_services.contracts.instances import Latency
from embedded_services.telemetry import buckets

WINDOW_S: Final = 10
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds of the buckets that Prometheus is told, in seconds."""
LONGEST_US: Final = 3_600_000_000


class Recent(NamedTuple):
    """The last ten seconds of one or several series."""

    requests: int
    failed: int
    counts: Counter[int]

    @classmethod
    def nothing(cls) -> Self:
        return cls(0, 0, Counter())

    @property
    def rate(self) -> float:
        return self.requests / WINDOW_S

    @property
    def latency(self) -> Latency:
        p50, p99 = buckets.quantiles(self.counts.items(), (0.5, 0.99))
        return Latency(p50=_ms(p50), p99=_ms(p99))


class Series:
    """`statuses` and `seconds` are totals, of what was digested; a request failed if its status is 500 or above."""

    __slots__ = (
        "_closed",
        "_histogram",
        "_now",
        "_unsettled",
        "instance",
        "recent",
        "route",
        "seconds",
        "service",
        "statuses",
    )

    def __init__(self, route: str, service: str, instance: str) -> None:
        self.route = route
        self.service = service
        self.instance = instance
        self.statuses: Counter[int] = Counter()
        self.seconds = 0.0
        self.recent = Recent.nothing()
        self._now = Recent.nothing()
        self._closed: deque[Recent] = deque()
        self._histogram = HdrHistogram(1, LONGEST_US, 2)
        self._unsettled: Counter[int] = Counter()

    def digest(self, status: int, took_s: list[float]) -> None:
        """Requests ended with `status` and took so long each."""
        counts = buckets.count(took_s)
        self.statuses[status] += len(took_s)
        self.seconds += sum(took_s)
        self._unsettled.update(counts)
        self._now.counts.update(counts)
        failed = len(took_s) if status >= 500 else 0
        self._now = Recent(self._now.requests + len(took_s), self._now.failed + failed, self._now.counts)

    def turn(self) -> None:
        """A second is over."""
        second, window = self._now, self.recent
        if not (second.requests or window.requests):
            return
        self._now = Recent.nothing()
        self._settle()
        self._closed.append(second)
        window.counts.update(second.counts)
        requests, failed = window.requests + second.requests, window.failed + second.failed
        if len(self._closed) > WINDOW_S:
            oldest = self._closed.popleft()
            requests, failed = requests - oldest.requests, failed - oldest.failed
            for bucket, number in oldest.counts.items():
                window.counts[bucket] -= number
                if not window.counts[bucket]:
                    del window.counts[bucket]
        if not requests:
            self._closed.clear()
        self.recent = Recent(requests, failed, window.counts)

    def below_bounds(self) -> list[int]:
        """How many of all took no longer than each of `BOUNDS_S`, and at the end how many there were."""
        self._settle()
        running = list(accumulate(self._histogram.counts))
        return [*(running[place] for place in _PLACES), running[-1]]

    def _settle(self) -> None:
        for bucket, number in self._unsettled.items():
            self._histogram.record_value(min(int(buckets.middle(bucket) * 1_000_000), LONGEST_US), number)
        self._unsettled.clear()


def together(series: list[Series]) -> Recent:
    """The last ten seconds of all of them."""
    if len(series) == 1:
        return series[0].recent
    counts: Counter[int] = Counter()
    for one in series:
        counts.update(one.recent.counts)
    return Recent(
        sum(one.recent.requests for one in series), sum(one.recent.failed for one in series), counts
    )


def _places() -> list[int]:
    """Where in an HdrHistogram's counters the bounds are."""
    histogram = HdrHistogram(1, LONGEST_US, 2)
    places = []
    for bound in BOUNDS_S:
        histogram.reset()
        histogram.record_value(int(bound * 1_000_000))
        places.append(list(histogram.counts).index(1))
    return places


_PLACES: Final = _places()


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
