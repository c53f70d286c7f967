"""Latencies of the last ten seconds, in buckets a thirty-second apart: quantiles are right to about 3 %. Pure.

A second has its own counters, so that what is older falls out whole; only buckets that were hit take room. A call only
adds its latency to a list; it goes into its bucket when somebody looks, or when `WAITING` have come.
"""

import itertools
import math

from embedded_services.contracts.instances import Latency

SECONDS = 10
WAITING = 1000
_PRECISION_BITS = 5


class RecentLatency:
    """`now` is seconds of a clock that never runs back; latencies are seconds, read back as milliseconds."""

    def __init__(self) -> None:
        self._second = -1
        self._waiting: list[float] = []
        self._counts: list[dict[int, int]] = [{} for _ in range(SECONDS)]
        self._second_of = [-1] * SECONDS

    def record(self, seconds: float, now: float) -> None:
        if int(now) != self._second or len(self._waiting) >= WAITING:
            self._settle()
            self._second = int(now)
        self._waiting.append(seconds)

    def _settle(self) -> None:
        """Put what waits, all of one second, into its buckets."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        slot = self._second % SECONDS
        if self._second_of[slot] != self._second:
            self._second_of[slot] = self._second
            self._counts[slot] = {}
        counts = self._counts[slot]
        for seconds in waiting:
            us = int(seconds * 1_000_000)
            shift = us.bit_length() - _PRECISION_BITS - 1
            bucket = us if shift <= 0 else (shift << _PRECISION_BITS) + (us >> shift)
            counts[bucket] = counts.get(bucket, 0) + 1

    def read(self, now: float) -> Latency:
        self._settle()
        oldest = int(now) - SECONDS
        merged: dict[int, int] = {}
        for second, counts in zip(self._second_of, self._counts, strict=True):
            if second > oldest:
                for bucket, count in counts.items():
                    merged[bucket] = merged.get(bucket, 0) + count
        if not merged:
            return Latency()
        ordered = sorted(merged.items())
        total = sum(merged.values())
        return Latency(p50=_quantile(ordered, total, 0.5), p99=_quantile(ordered, total, 0.99))


def _quantile(ordered: list[tuple[int, int]], total: int, share: float) -> float:
    """The middle of the bucket in which the call lies that `share` of all were not slower than; ms."""
    rank = max(1, math.ceil(total * share))
    reached = itertools.accumulate(count for _, count in ordered)
    bucket = next(bucket for (bucket, _), seen in zip(ordered, reached, strict=True) if seen >= rank)
    return round(_middle_us(bucket) / 1000, 3)


def _middle_us(bucket: int) -> float:
    if bucket < 2 << _PRECISION_BITS:
        return bucket
    shift = (bucket >> _PRECISION_BITS) - 1
    lowest = (bucket - (shift << _PRECISION_BITS)) << shift
    return lowest + ((1 << shift) - 1) / 2
