"""What one channel owes its publisher: an answer to each message, in the order in which they came. Pure."""

from collections.abc import Iterator

from embedded_services.broker import replies


class Confirms:
    """`mark` draws a line under what was published up to now; `due` answers what is above it, and nothing later."""

    def __init__(self) -> None:
        self._published = 0
        self._answered = 0
        self._refused: list[int] = []
        self._marked = 0
        self._marked_refused: list[int] = []

    def add(self, *, taken: bool) -> None:
        """One more was published; not `taken`: a queue refused it."""
        self._published += 1
        if not taken:
            self._refused.append(self._published)

    def mark(self) -> None:
        self._marked = self._published
        self._marked_refused += self._refused
        self._refused = []

    def due(self) -> Iterator[bytes]:
        """The methods that answer, as few as there can be."""
        for tag in self._marked_refused:
            yield from self._up_to(tag - 1)
            yield replies.nack(tag)
            self._answered = tag
        self._marked_refused.clear()
        yield from self._up_to(self._marked)

    def _up_to(self, tag: int) -> Iterator[bytes]:
        if tag > self._answered:
            yield replies.ack(tag, multiple=tag - self._answered > 1)
            self._answered = tag
