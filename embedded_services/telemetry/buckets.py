"""The buckets that latencies are counted in: a hundredth apart and closer, whatever the magnitude. Pure.

A number's bucket is the upper half of its 32-bit floating-point form: sign, exponent and seven bits of mantissa, which
is what an HdrHistogram with two significant digits tells apart. So thousands of latencies are put into buckets by two
copies and a count, all in C: 60 ns each, where HdrHistogram's own recording takes 1 µs and more in Python.
"""

import math
import struct
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

_UPPER: Final = 1 if sys.byteorder == "little" else 0


def count(values: Sequence[float]) -> Counter[int]:
    """How many of `values`, which are not negative, lie in each bucket."""
    halves = memoryview(array("f", values)).cast("B").cast("H")
    return Counter(halves[_UPPER::2].tolist())


def lowest(bucket: int) -> float:
    """The lowest number of a bucket: the next one's is the end of it."""
    value: float = struct.unpack("<f", struct.pack("<HH", 0, bucket))[0]
    return value


@lru_cache(maxsize=8192)
def middle(bucket: int) -> float:
    value: float = struct.unpack("<f", struct.pack("<HH", 0x8000, bucket))[0]
    return value


def quantiles(counts: Iterable[tuple[int, int]], shares: Iterable[float]) -> list[float | None]:
    """For each of `shares`, which rise, what this share of all were not above: the middle of its bucket, right to half a
    percent. `counts` are buckets and how many each; null for all when there are none."""
    ordered = sorted(counts)
    total = sum(number for _, number in ordered)
    found: list[float | None] = []
    places = iter(ordered)
    bucket = seen = 0
    for share in shares:
        if not total:
            found.append(None)
            continue
        rank = max(1, math.ceil(total * share))
        while seen < rank:
            bucket, number = next(places)
            seen += number
        found.append(middle(bucket))
    return found
