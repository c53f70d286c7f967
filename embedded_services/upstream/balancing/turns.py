"""Whose turn it is: always the one whose last turn is the longest ago. Pure.

Unlike a cursor in a ring, this gives nobody a second share when a neighbour is passed over, and one that comes back
does not make up for what it missed. A change of membership keeps the order of those who stay.
"""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Generic

from embedded_services.upstream.balancing.strategy import Draw, M


class Turns(Generic[M]):
    """`previous` had the turn before the last one that was taken."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._queue: deque[M] = deque()
        self._last: str | None = None
        self.previous: str | None = None

    def update(self, members: Sequence[M]) -> None:
        """Newcomers join at the end. They begin in the order of their ids, at a place that is drawn: many callers that
        begin together should not all begin with the same instance."""
        by_id = {member.id: member for member in members}
        stay = [by_id.pop(member.id) for member in self._queue if member.id in by_id]
        new = list(by_id.values())
        if not stay and new:
            start = int(self._draw() * len(new))
            new = new[start:] + new[:start]
        self._queue = deque(stay + new)

    def take(self, out: Collection[str]) -> M | None:
        """The next whose id is not in `out`; its turn is over then."""
        queue = self._queue
        for member in queue:
            if member.id not in out:
                break
        else:
            return None
        if member is queue[0]:
            queue.rotate(-1)
        else:
            queue.remove(member)
            queue.append(member)
        self.previous, self._last = self._last, member.id
        return member

    def take_least(self, out: Collection[str]) -> M | None:
        """The next of those with the fewest calls under way."""
        least: M | None = None
        place = 0
        for index, member in enumerate(self._queue):
            if (least is None or member.in_flight < least.in_flight) and member.id not in out:
                least, place = member, index
                if not member.in_flight:
                    break
        if least is not None:
            del self._queue[place]
            self._queue.append(least)
        return least
