"""The limiter that is in force: one algorithm, one rule, and what is remembered of every client.

Exact: a decision is one uninterrupted step, so of any number of concurrent requests exactly as many pass as the rule
allows. Live: an edit of limit or window changes the rule under what is remembered; a change of algorithm takes each
client's count over from the algorithm before, when the client next comes, for as long as any of it could count.
"""

from typing import Any, Final

from embedded_services.contracts import limits as wire
from embedded_services.contracts.limits import LimitSettings
from embedded_services.limits.fixed_window import FixedWindow
from embedded_services.limits.generations import Generations
from embedded_services.limits.sliding_window import SlidingWindow
from embedded_services.limits.token_bucket import TokenBucket
from embedded_services.limits.verdict import Algorithm, Rule, Standing, Usage, Verdict

ALGORITHMS: Final[dict[wire.Algorithm, Algorithm[Any]]] = {
    wire.Algorithm.FIXED_WINDOW: FixedWindow(),
    wire.Algorithm.SLIDING_WINDOW: SlidingWindow(),
    wire.Algorithm.TOKEN_BUCKET: TokenBucket(),
}

CAPACITY: Final = 1_000_000
"""Clients remembered for each window; see `Generations`."""

_MAX_ANCESTORS: Final = 8


class _Book:
    """What one algorithm remembers, and the book of the algorithm before it until nothing in that could count."""

    def __init__(self, algorithm: wire.Algorithm, rule: Rule, now_us: int, capacity: int) -> None:
        self.name = algorithm
        self.algorithm = ALGORITHMS[algorithm]
        self.rule = rule
        self.memories: Generations[Any] = Generations(rule.window_us, now_us, capacity)
        self.before: _Book | None = None
        self.before_until = 0

    def follow(self, before: "_Book", now_us: int) -> None:
        self.before = before
        self.before_until = now_us + before.rule.window_us
        book, depth = before, 1
        while book.before is not None:
            if depth == _MAX_ANCESTORS:
                self._bury(book)
                break
            book, depth = book.before, depth + 1

    def _bury(self, book: "_Book") -> None:
        """Forget those before `book`; what they held is freed bit by bit."""
        before, book.before = book.before, None
        while before is not None:
            self.memories.bury(before.memories)
            before = before.before

    def remembered(self, key: str, now_us: int) -> Any | None:
        memory = self.memories.get(key)
        if memory is None and self.before is not None:
            if now_us >= self.before_until:
                self._bury(self)
            elif (usage := self.before.usage(key, now_us)).requests:
                memory = self.algorithm.adopt(usage, self.rule, now_us)
                self.memories.put(key, memory, now_us)
        return memory

    def usage(self, key: str, now_us: int) -> Usage:
        memory = self.remembered(key, now_us)
        return Usage(0, 0) if memory is None else self.algorithm.usage(memory, self.rule, now_us)

    def forget(self, key: str) -> bool:
        """Also what the algorithms before counted; says whether anything was remembered."""
        books, book = [self], self.before
        while book is not None:
            books.append(book)
            book = book.before
        return sum(one.memories.remove(key) for one in books) > 0

    def clear(self) -> None:
        self.memories.clear()
        self._bury(self)


class Limiter:
    """`now` is always seconds of a clock that never runs back."""

    def __init__(self, settings: LimitSettings, now: float, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._book = _Book(settings.algorithm, _rule(settings), _us(now), capacity)

    @property
    def forgotten(self) -> int:
        """Clients that were forgotten early for want of room."""
        return self._book.memories.forgotten

    def take(self, key: str, now: float) -> Verdict:
        """Decide one request of the client `key`."""
        now_us = int(now * 1_000_000)
        book = self._book
        memory = book.memories.young.get(key)  # who comes often is there
        if memory is None:
            memory = book.remembered(key, now_us)
        memory, verdict = book.algorithm.take(memory, book.rule, now_us)
        if verdict.allowed:
            book.memories.put(key, memory, now_us)
        return verdict

    def standing(self, key: str, now: float) -> Standing:
        """What counts against this client now, and when less does. Costs it nothing."""
        now_us = _us(now)
        book = self._book
        memory = book.remembered(key, now_us)
        return Standing(0, 0.0) if memory is None else book.algorithm.standing(memory, book.rule, now_us)

    def reset(self, key: str) -> bool:
        """This client's count starts afresh; says whether anything was remembered of it."""
        return self._book.forget(key)

    def clear(self) -> None:
        """Everybody's count starts afresh."""
        self._book.clear()

    def apply(self, settings: LimitSettings, now: float) -> None:
        """Put other settings in force, keeping the counts that still apply."""
        now_us = _us(now)
        rule = _rule(settings)
        if settings.algorithm is not self._book.name:
            book = _Book(settings.algorithm, rule, now_us, self._capacity)
            book.follow(self._book, now_us)
            book.memories.forgotten = self.forgotten
            self._book = book
            return
        if rule.window_us != self._book.rule.window_us:
            self._book.memories.set_lifetime(rule.window_us, now_us)
        self._book.rule = rule

    def tidy(self, now: float, count: int = 5000) -> None:
        """Forget what no longer counts and free its memory, a bounded step; to be called about once a second, so that
        this happens without traffic too."""
        self._book.memories.turn(_us(now))
        self._book.memories.reap(count)

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._book.memories)


def _us(now: float) -> int:
    return int(now * 1_000_000)


def _rule(settings: LimitSettings) -> Rule:
    return Rule(settings.limit, settings.window_s * 1_000_000)
