"""Sliding window: in any stretch of `window` at most `limit` requests pass.

A log of the admitted requests decides. Requests closer together than a 128th of the window share an entry, so that a log
has at most 129 entries whatever the limit; an entry counts until its newest request is a window old. A request is thus
forgotten exactly on time when it came alone, at most a 128th of the window late when it came in a crowd, and never early.
"""

from typing import NamedTuple

from embedded_services.limits.verdict import Rule, Usage, Verdict

PARTS = 128


class Entry(NamedTuple):
    """How many requests; the times are microseconds."""

    first: int
    newest: int
    requests: int


class Log(NamedTuple):
    """`total` is the sum of the entries' requests, so that no decision has to add them up."""

    total: int
    entries: tuple[Entry, ...]


EMPTY = Log(0, ())


class SlidingWindow:
    def take(self, memory: Log | None, rule: Rule, now_us: int) -> tuple[Log, Verdict]:
        log = _recent(memory or EMPTY, rule, now_us)
        if log.total >= rule.limit:
            return log, Verdict(False, 0, _grows_in(log, rule, now_us))
        log = _add(log, rule, now_us)
        return log, Verdict(True, rule.limit - log.total, _grows_in(log, rule, now_us))

    def usage(self, memory: Log, rule: Rule, now_us: int) -> Usage:
        log = _recent(memory, rule, now_us)
        return Usage(log.total, now_us - log.entries[0].first) if log.entries else Usage(0, 0)

    def adopt(self, usage: Usage, rule: Rule, now_us: int) -> Log:  # noqa: ARG002 - as every algorithm
        at = now_us - usage.age_us
        return Log(usage.requests, (Entry(at, at, usage.requests),))


def _recent(log: Log, rule: Rule, now_us: int) -> Log:
    horizon = now_us - rule.window_us
    total, entries = log
    gone = 0
    while gone < len(entries) and entries[gone].newest <= horizon:
        total -= entries[gone].requests
        gone += 1
    return Log(total, entries[gone:]) if gone else log


def _add(log: Log, rule: Rule, now_us: int) -> Log:
    total, entries = log
    if entries and (now_us - entries[-1].first) * PARTS < rule.window_us:
        last = entries[-1]
        return Log(total + 1, (*entries[:-1], Entry(last.first, now_us, last.requests + 1)))
    return Log(total + 1, (*entries, Entry(now_us, now_us, 1)))


def _grows_in(log: Log, rule: Rule, now_us: int) -> float:
    """Seconds until so many entries have left that more requests fit than now: the oldest entry's time, unless the
    limit was lowered below what had been admitted."""
    left = log.total
    for entry in log.entries:
        left -= entry.requests
        if left < rule.limit:
            return (entry.newest + rule.window_us - now_us) / 1_000_000
    return 0.0
