"""What a limiter answers, and what an algorithm of limiting is.

An algorithm is pure arithmetic over what is remembered of one client: `(memory, rule, now) → (memory, verdict)`. It keeps
nothing itself and reads no clock; times are whole microseconds, so that every sum is exact. What is remembered describes
itself: it stays valid when the limit or the window is edited, and whatever still counts goes on counting.
"""

from typing import NamedTuple, Protocol, TypeVar


class Rule(NamedTuple):
    """At most `limit` requests in `window_us` microseconds."""

    limit: int
    window_us: int


class Verdict(NamedTuple):
    """`remaining` is what the client has left after this request; `reset_s` the seconds until that grows (0: it is full)."""

    allowed: bool
    remaining: int
    reset_s: float


class Usage(NamedTuple):
    """`requests` still count against a client; the first of them was made `age_us` ago."""

    requests: int
    age_us: int


class Standing(NamedTuple):
    """`requests` count against a client now; it may make one more `reset_s` from now than now (0: none counts)."""

    requests: int
    reset_s: float


M = TypeVar("M")


class Algorithm(Protocol[M]):
    """A way of limiting. `M` is what it remembers of a client; nothing that was not written for a window matters."""

    def take(self, memory: M | None, rule: Rule, now_us: int) -> tuple[M, Verdict]:
        """Decide one request. A request that is refused does not count, and leaves the memory as it was."""
        ...

    def usage(self, memory: M, rule: Rule, now_us: int) -> Usage:
        """What counts now."""
        ...

    def standing(self, memory: M, rule: Rule, now_us: int) -> Standing:
        """What a look at the client would show; takes nothing."""
        ...

    def adopt(self, usage: Usage, rule: Rule, now_us: int) -> M:
        """A memory in which as much counts as another algorithm had counted."""
        ...
