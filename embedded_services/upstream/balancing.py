"""Which instance of a service gets the next call. Pure: the caller says who is in rotation and draws the random numbers.

A strategy lives as long as its service; a change of membership goes through `update`, which keeps whatever state still
applies. `pick` passes over the instances that a call has already tried.
"""

import bisect
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from embedded_services.contracts.settings import Strategy


class Member(Protocol):
    """An instance in rotation, as its own caller sees it. `in_flight` is that caller's calls, read at each pick."""

    @property
    def id(self) -> str: ...

    @property
    def weight(self) -> int: ...

    @property
    def in_flight(self) -> int: ...


M = TypeVar("M", bound=Member)
Draw = Callable[[], float]
"""A number in [0, 1), as `random.random` gives."""


class Balancer(Protocol[M]):
    def update(self, members: Sequence[M]) -> None:
        """Choose among these from now on; they come sorted by id, each id once."""
        ...

    def pick(self, tried: Collection[str] = ()) -> M | None:
        """One that is not in `tried`; None when there is no such member."""
        ...


class _Turn:
    """Whose turn it is. It goes on after whom it was last, also if that one has left."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._next = 0
        self._last: str | None = None

    def update(self, members: Sequence[Member]) -> None:
        if self._last is not None:
            self._next = bisect.bisect_right([member.id for member in members], self._last)
        else:
            # Many callers begin at the same time: they should not all begin with the same instance.
            self._next = int(self._draw() * len(members))

    def take(self, members: Sequence[M], excluded: Collection[str]) -> M | None:
        count = len(members)
        for offset in range(count):
            index = (self._next + offset) % count
            member = members[index]
            if member.id not in excluded:
                self._next, self._last = index + 1, member.id
                return member
        return None


class RoundRobin(Generic[M]):
    """Each in turn, in the order of ids.

    Calls that are repeated take turns of their own: else a broken instance of two would be the first choice of every
    call, because each repetition would use up the other one's turn.
    """

    def __init__(self, draw: Draw) -> None:
        self._members: Sequence[M] = ()
        self._first = _Turn(draw)
        self._repeated = _Turn(draw)

    def update(self, members: Sequence[M]) -> None:
        self._members = members
        self._first.update(members)
        self._repeated.update(members)

    def pick(self, tried: Collection[str] = ()) -> M | None:
        turn = self._repeated if tried else self._first
        return turn.take(self._members, tried)


class Random(Generic[M]):
    """Any of them, each equally likely."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._members: Sequence[M] = ()

    def update(self, members: Sequence[M]) -> None:
        self._members = members

    def pick(self, tried: Collection[str] = ()) -> M | None:
        members = [member for member in self._members if member.id not in tried] if tried else self._members
        return members[int(self._draw() * len(members))] if members else None


class LeastConnections(Generic[M]):
    """The one with the fewest calls under way; equals take turns, so that an idle system does not burden the first."""

    def __init__(self, draw: Draw) -> None:
        self._turn = _Turn(draw)
        self._members: Sequence[M] = ()

    def update(self, members: Sequence[M]) -> None:
        self._members = members
        self._turn.update(members)

    def pick(self, tried: Collection[str] = ()) -> M | None:
        least = min((member.in_flight for member in self._members if member.id not in tried), default=None)
        if least is None:
            return None
        busier = [member.id for member in self._members if member.in_flight > least]
        return self._turn.take(self._members, {*tried, *busier})


_MAKE: Final[dict[Strategy, Callable[[Draw], Balancer[Any]]]] = {
    Strategy.ROUND_ROBIN: RoundRobin,
    Strategy.RANDOM: Random,
    Strategy.LEAST_CONNECTIONS: LeastConnections,
}

AVAILABLE: Final = frozenset(_MAKE)
"""The strategies that can be put in force; settings that name another one are to be refused."""


def make(strategy: Strategy, draw: Draw) -> Balancer[M]:
    """Raises KeyError for a strategy that is not in `AVAILABLE`."""
    return _MAKE[strategy](draw)
