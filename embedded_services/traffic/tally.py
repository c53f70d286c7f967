"""What became of the requests: samples four times a second, and totals. Pure: times are what the caller says.

Ending a request appends its latency to a list; a sample puts what came in it into buckets, all at once. The buckets are those
of an HdrHistogram with two significant digits.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from embedded_services.contracts.traffic import SAMPLE_S, Cause, KindTotals, TrafficSample, TrafficTotals
from embedded_services.telemetry import buckets
from embedded_services.traffic.mix import Kind

WINDOW: Final = round(1 / SAMPLE_S)
"""Samples that latencies and the rate are reckoned over."""
SHARES: Final = (0.5, 0.95, 0.99)


class KindTally:
    __slots__ = ("counts", "done", "failed", "kind", "longest", "sent", "took")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.sent = self.done = self.failed = 0
        self.took: list[float] = []
        self.counts: Counter[int] = Counter()
        self.longest = 0.0

    def digest(self) -> list[float]:
        took, self.took = self.took, []
        if took:
            self.counts.update(buckets.count(took))
            self.longest = max(self.longest, *took)
        return took


class _Quarter:
    """What happened since the last sample."""

    __slots__ = ("done", "due", "errors", "failed", "late", "sent", "statuses")

    def __init__(self) -> None:
        self.due = self.sent = self.done = self.failed = 0
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[Cause] = Counter()
        self.late: list[float] = []


class _Past(NamedTuple):
    span_s: float
    sent: int
    counts: Counter[int]
    longest: float


class Tally:
    """Of one run. Kinds are known by the numbers that `kinds` gave them last."""

    def __init__(self) -> None:
        self._now = _Quarter()
        self._kinds: list[KindTally] = []
        self._by_name: dict[str, KindTally] = {}
        self._window: deque[_Past] = deque(maxlen=WINDOW)
        self._late: Counter[int] = Counter()
        self._late_max = 0.0
        self._statuses: Counter[int] = Counter()
        self._errors: Counter[Cause] = Counter()
        self._due = self._sent = self._done = self._failed = 0
        self.follow_ups = 0
        self.connections = 0

    def kinds(self, kinds: Sequence[Kind]) -> None:
        """From now on these; what a kind of the same name did before stays with it."""
        self._kinds = [self._by_name.get(kind.name) or KindTally(kind) for kind in kinds]
        for tally, kind in zip(self._kinds, kinds, strict=True):
            tally.kind = kind
        self._by_name |= {tally.kind.name: tally for tally in self._kinds}

    # --- what happens ---------------------------------------------------------------------------------------------

    def sent(self, kind: int, late_s: float) -> KindTally:
        """An arrival was sent, so much later than was intended. What is returned `ended` wants to have back."""
        now = self._now
        now.due += 1
        now.sent += 1
        now.late.append(late_s if late_s > 0 else 0.0)
        tally = self._kinds[kind]
        tally.sent += 1
        return tally

    def unsent(self, cause: Cause) -> None:
        """An arrival was not sent."""
        now = self._now
        now.due += 1
        now.failed += 1
        now.errors[cause] += 1

    def answered(self, kind: KindTally, status: int, took_s: float) -> None:
        now = self._now
        now.done += 1
        now.statuses[status] += 1
        kind.done += 1
        kind.took.append(took_s)
        if status >= 500:
            now.failed += 1
            kind.failed += 1

    def broke(self, kind: KindTally, cause: Cause, took_s: float) -> None:
        """It ended without an answer. One that was given up waited as long as it did: its latency counts."""
        now = self._now
        now.done += 1
        now.failed += 1
        now.errors[cause] += 1
        kind.done += 1
        kind.failed += 1
        if cause is Cause.TIMEOUT:
            kind.took.append(took_s)

    # --- what is told ---------------------------------------------------------------------------------------------

    def sample(
        self, run: int, at: float, span_s: float, asked: float, in_flight: int, waited_s: float
    ) -> TrafficSample:
        """Ends a sample, which took `span_s`. `waited_s` is how long the oldest of those in flight has waited."""
        now, self._now = self._now, _Quarter()
        took = [seconds for kind in self._by_name.values() for seconds in kind.digest()]
        self._window.append(_Past(span_s, now.sent, buckets.count(took), max(took, default=0.0)))
        self._add(now)
        p50, p95, p99 = buckets.quantiles(self._recent().items(), SHARES)
        longest = max(waited_s, *(past.longest for past in self._window))
        late = buckets.quantiles(buckets.count(now.late).items(), (0.99,))[0]
        return TrafficSample(
            run=run,
            at=at,
            asked=round(asked, 3),
            due=now.due,
            sent=now.sent,
            done=now.done,
            failed=now.failed,
            rate=round(
                sum(past.sent for past in self._window) / sum(past.span_s for past in self._window), 2
            ),
            p50_ms=_ms(p50, longest),
            p95_ms=_ms(p95, longest),
            p99_ms=_ms(p99, longest),
            max_ms=_ms(longest) if longest else None,
            statuses={str(status): number for status, number in sorted(now.statuses.items())},
            errors={cause.value: number for cause, number in sorted(now.errors.items())},
            in_flight=in_flight,
            late_ms=_ms(late, max(now.late, default=0.0)),
        )

    def totals(self) -> TrafficTotals:
        """As of the last sample."""
        counts: Counter[int] = Counter()
        for kind in self._by_name.values():
            counts.update(kind.counts)
        p50, p95, p99 = buckets.quantiles(counts.items(), SHARES)
        late = buckets.quantiles(self._late.items(), (0.99,))[0]
        longest = max((kind.longest for kind in self._by_name.values()), default=0.0)
        return TrafficTotals(
            due=self._due,
            sent=self._sent,
            done=self._done,
            failed=self._failed,
            p50_ms=_ms(p50, longest),
            p95_ms=_ms(p95, longest),
            p99_ms=_ms(p99, longest),
            max_ms=_ms(longest) if counts else None,
            late_p99_ms=_ms(late, self._late_max),
            late_max_ms=_ms(self._late_max) if self._late else None,
            statuses={str(status): number for status, number in sorted(self._statuses.items())},
            errors={cause.value: number for cause, number in sorted(self._errors.items())},
            kinds=[_shown(kind, current=kind in self._kinds) for kind in self._by_name.values()],
            follow_ups=self.follow_ups,
            connections=self.connections,
        )

    def _add(self, quarter: _Quarter) -> None:
        self._due += quarter.due
        self._sent += quarter.sent
        self._done += quarter.done
        self._failed += quarter.failed
        self._statuses.update(quarter.statuses)
        self._errors.update(quarter.errors)
        self._late.update(buckets.count(quarter.late))
        self._late_max = max(self._late_max, max(quarter.late, default=0.0))

    def _recent(self) -> Counter[int]:
        recent: Counter[int] = Counter()
        for past in self._window:
            recent.update(past.counts)
        return recent


def _shown(tally: KindTally, *, current: bool) -> KindTotals:
    p50, p99 = buckets.quantiles(tally.counts.items(), (0.5, 0.99))
    return KindTotals(
        name=tally.kind.name,
        share=round(tally.kind.share, 2) if current else 0.0,
        sent=tally.sent,
        done=tally.done,
        failed=tally.failed,
        p50_ms=_ms(p50, tally.longest),
        p99_ms=_ms(p99, tally.longest),
        max_ms=_ms(tally.longest) if tally.counts else None,
    )


def _ms(seconds: float | None, longest: float = math.inf) -> float | None:
    """A quantile is the middle of a bucket, and that may lie beyond the `longest`."""
    return None if seconds is None else round(min(seconds, longest) * 1000, 3)
