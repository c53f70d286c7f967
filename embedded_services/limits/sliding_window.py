"""Sliding window: in any stretch of `window` at most `limit` requests pass.

A log of the admitted requests decides. Requests closer together than a 128th of the window share an entry, so that a log
has at most 129 entries whatever the limit; an entry counts until its newest request is a window old. A request is thus
forgotten exactly on time when it came alone, at most a 128th of the window late when it came in a crowd, and never early.

A log is one flat tuple of numbers: the total, then first time, newest time and requests of each entry, oldest first. Plain
numbers in a plain tuple are left alone by the garbage collector, which a million nested entries would keep busy.
"""

from typing import Final, TypeAlias

from embedded_services.limits.verdict import Rule, Standing, Usage, Verdict

PARTS: Final = 128
ENTRY: Final = 3
"""Numbers an entry takes."""

Log: TypeAlias = tuple[int, ...]
EMPTY: Final[Log] = (0,)


class SlidingWindow:
    def take(self, memory: Log | None, rule: Rule, now_us: int) -> tuple[Log, Verdict]:
        log = _recent(memory or EMPTY, rule, now_us)
        if log[0] >= rule.limit:
            return log, Verdict(False, 0, _grows_in(log, rule, now_us))
        log = _add(log, rule, now_us)
        return log, Verdict(True, rule.limit - log[0], _grows_in(log, rule, now_us))

    def usage(self, memory: Log, rule: Rule, now_us: int) -> Usage:
        log = _recent(memory, rule, now_us)
        return Usage(log[0], now_us - log[1]) if log[0] else Usage(0, 0)

    def standing(self, memory: Log, rule: Rule, now_us: int) -> Standing:
        log = _recent(memory, rule, now_us)
        return Standing(log[0], _grows_in(log, rule, now_us))

    def adopt(self, usage: Usage, rule: Rule, now_us: int) -> Log:  # noqa: ARG002 - as every algorithm
        at = now_us - usage.age_us
        return usage.requests, at, at, usage.requests


def _recent(log: Log, rule: Rule, now_us: int) -> Log:
    """Without the entries that no longer count."""
    horizon = now_us - rule.window_us
    total, gone, end = log[0], 1, len(log)
    while gone < end and log[gone + 1] <= horizon:
        total -= log[gone + 2]
        gone += ENTRY
    return (total, *log[gone:]) if gone > 1 else log


def _add(log: Log, rule: Rule, now_us: int) -> Log:
    total = log[0] + 1
    if len(log) > 1 and (now_us - log[-ENTRY]) * PARTS < rule.window_us:
        return total, *log[1:-2], now_us, log[-1] + 1
    return total, *log[1:], now_us, now_us, 1


def _grows_in(log: Log, rule: Rule, now_us: int) -> float:
    """Seconds until so many entries have left that more requests fit than now: the oldest entry's time, unless the
    limit was lowered below what had been admitted."""
    left = log[0]
    for at in range(1, len(log), ENTRY):
        left -= log[at + 2]
        if left < rule.limit:
            return (log[at + 1] + rule.window_us - now_us) / 1_000_000
    return 0.0
