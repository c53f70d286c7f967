"""When many of something become one entry: `(burst, how many more, now) → (burst, what it is now)`, pure.

A burst begins when enough came within a time, those included, and is over when for a while (nearly) none came: so few as to
begin one do not keep it going, and a pause is no end.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Threshold:
    """`begin` within `within_s` are a burst, which goes on until `quiet_s` have passed with fewer than `keep` each
    `within_s`."""

    begin: int
    within_s: float
    keep: int
    quiet_s: float


@dataclass(frozen=True)
class Burst:
    """`recent` are (when, how many) of the last `within_s`. `number` counts bursts; `count` is how many are in the present one,
    0 while there is none; `kept_at` is when it last had enough."""

    recent: tuple[tuple[float, int], ...] = ()
    number: int = 0
    count: int = 0
    kept_at: float = 0.0


def step(burst: Burst, more: int, now: float, threshold: Threshold) -> tuple[Burst, bool]:
    """`more` came since the last step; whether that is to be told, because a burst began or goes on."""
    recent = tuple(one for one in burst.recent if now - one[0] < threshold.within_s)
    if more > 0:
        recent = (*recent[-99:], (now, more))
    within = sum(count for _, count in recent)
    burst = replace(burst, recent=recent)
    if burst.count and now - burst.kept_at > threshold.quiet_s:
        burst = replace(burst, count=0)
        if within < threshold.begin:
            return burst, False
    if burst.count:
        kept_at = now if within >= threshold.keep else burst.kept_at
        return replace(burst, count=burst.count + max(0, more), kept_at=kept_at), more > 0
    if within < threshold.begin or more <= 0:
        return burst, False
    return replace(burst, number=burst.number + 1, count=within, kept_at=now), True


class Totals:
    """Turns totals that count from zero in each life of who tells them into what came since. Bounded by `forget`."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def more(self, key: str, total: int) -> int:
        before = self._seen.get(key, 0)
        self._seen[key] = total
        return total - before if total >= before else total

    def forget(self, prefix: str) -> None:
        """Whoever told those totals counts from zero again, or is gone."""
        for key in [key for key in self._seen if key.startswith(prefix)]:
            del self._seen[key]
