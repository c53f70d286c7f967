"""What a balancing strategy is: whose turn the next call of a service is. Pure.

A strategy lives as long as it is in force. It is told who may be picked, and told again when that changes: an instance
that is ejected or whose breaker opens is no member meanwhile, so that what it would have got is spread over all others.
State that still applies outlives the change. What passes from one pick to the next, an instance that is full or was
tried by the same call, is passed over at the pick, which must not favour its neighbour either.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar


class Member(Protocol):
    """An instance as its caller sees it; all but `id` is read at each pick."""

    @property
    def id(self) -> str: ...

    @property
    def weight(self) -> int: ...

    @property
    def in_flight(self) -> int:
        """This caller's calls under way there."""
        ...

    def latency_s(self, now: float) -> float | None:
        """How slow it lately was, in seconds; None before it has answered at all."""
        ...


M = TypeVar("M", bound=Member)
Draw = Callable[[], float]
"""A number in [0, 1), as `random.random` gives."""


class Balancer(Protocol[M]):
    word: str
    """The reason for its picks, in a word: `contracts.gateway.Attempt.reason`."""

    def update(self, members: Sequence[M]) -> None:
        """Choose among these from now on; they come sorted by id, each id once. Also told when a weight changes."""
        ...

    def pick(
        self, now: float, key: str | None = None, out: Collection[str] = (), *, again: bool = False
    ) -> M | None:
        """A member whose id is not in `out`; None when there is none. `key` is what the call has in common with those
        that belong to the same instance (see `UpstreamRequest.affinity`); `again`: the call was tried elsewhere
        before. `now` is monotonic."""
        ...

    def why(self, chosen: M, now: float, key: str | None) -> str:
        """Why the last pick fell on `chosen`. Asked at once, before anything else changes."""
        ...

    def load(self, member: M, now: float) -> float | None:
        """The figure by which members are compared, if they are."""
        ...

    def expected(self, member: M) -> float | None:
        """The share of all picks that a member should get in the long run; None when that depends on the calls."""
        ...
