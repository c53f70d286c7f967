"""Whether a turn waits a moment for more. Pure.

A turn that serves one message costs nearly what one for ten costs, and a publisher who keeps many in flight is answered once
for all ten. A client that is slower than we are sends them one by one all the same, and gets an answer to each, which slows
it more: so when many come in small turns, a turn is held open for a moment. Who waits for each answer is never that many.
"""

from typing import Final

MANY_PER_S: Final = 4_000
"""More than anybody publishes who waits for each answer."""
SMALL: Final = 4
"""Messages in a turn, on average, that are too few."""
WORTH: Final = 8
"""Messages that must come in the moment for the next turn to wait, too."""
LOOK_S: Final = 0.01
"""What is looked at before it is tried."""
AGAIN_S: Final = 0.1
"""Pause after it was not worth it."""


class Gathering:
    """`waits`: the next turn is to be held open."""

    def __init__(self) -> None:
        self.waits = False
        self._since = 0.0
        self._published = 0
        self._turns = 0

    def ended(self, now: float, published: int) -> None:
        """A turn in which so many were published is over; `now` is any clock's seconds."""
        if self.waits:
            if published < WORTH:
                self.waits = False
                self._look_from(now + AGAIN_S)
            return
        if not published or now < self._since:
            return
        self._published += published
        self._turns += 1
        took = now - self._since
        if took >= LOOK_S:
            many, small = self._published >= MANY_PER_S * took, self._published < SMALL * self._turns
            self.waits = many and small
            self._look_from(now)

    def _look_from(self, at: float) -> None:
        self._since, self._published, self._turns = at, 0, 0
