"""How many there were of late, and how many of a kind: counted by the second, so that what is older falls out whole. Pure.

`now` is of a clock that never runs back. Counting is on the way of every call; hence no look at the clock in it beyond
the whole second, and sums that are kept.
"""

from collections import deque


class RecentCounts:
    """`all` and `marked` are sums over the last `span_s` seconds, the running one included, as of the last `add`, `mark` or
    `expire`."""

    __slots__ = ("_current", "_second", "_seconds", "all", "marked", "span_s")

    def __init__(self, span_s: int) -> None:
        self.span_s = span_s
        self.clear()

    def clear(self) -> None:
        self.all = 0
        self.marked = 0
        self._second = -1
        self._current = [-1, 0, 0]
        self._seconds: deque[list[int]] = deque()

    def add(self, now: float) -> None:
        second = int(now)
        if second != self._second:
            self._turn(second)
        self.all += 1
        self._current[1] += 1

    def mark(self, now: float) -> None:
        second = int(now)
        if second != self._second:
            self._turn(second)
        self.marked += 1
        self._current[2] += 1

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        self._turn(int(now))

    def _turn(self, second: int) -> None:
        seconds = self._seconds
        while seconds and seconds[0][0] <= second - self.span_s:
            _, of_all, of_marked = seconds.popleft()
            self.all -= of_all
            self.marked -= of_marked
        if not seconds or seconds[-1][0] != second:
            seconds.append([second, 0, 0])
        self._second = second
        self._current = seconds[-1]
