"""The timeline as it is told: the last version of each entry, by the number that it was last told under. Bounded: what was not
told of for longest goes, and is counted. Whoever follows gets each entry once, in its present version.
"""

from collections import deque
from itertools import islice
from typing import Final

from embedded_services.common.ring import Window
from embedded_services.contracts.timeline import TimelineEntry, TimelinePage, TimelineQuery

CAPACITY: Final = 5_000


class TimelineLog:
    """`dropped` counts entries that are held no more."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._by_seq: dict[int, TimelineEntry] = {}
        """In the order in which they were told."""
        self._seq_of: dict[str, int] = {}
        self._gone: deque[int] = deque(maxlen=capacity)
        """Numbers of entries that were dropped, in order."""
        self.last_seq = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._by_seq)

    def tell(self, entry: TimelineEntry) -> None:
        """A new entry, or a later version of one. Numbers go up."""
        before = self._seq_of.pop(entry.id, None)
        if before is not None:
            del self._by_seq[before]
        self._by_seq[entry.seq] = entry
        self._seq_of[entry.id] = entry.seq
        self.last_seq = entry.seq
        if len(self._by_seq) > self._capacity:
            seq = next(iter(self._by_seq))
            del self._seq_of[self._by_seq.pop(seq).id]
            self._gone.append(seq)
            self.dropped += 1

    def newest_after(self, seq: int, limit: int) -> Window[TimelineEntry]:
        """As `Ring.newest_after`, but that numbers of earlier versions are nothing that was missed."""
        newer: list[TimelineEntry] = []
        more = 0
        for number, entry in reversed(self._by_seq.items()):
            if number <= seq:
                break
            if len(newer) < limit:
                newer.append(entry)
            else:
                more += 1
        newer.reverse()
        gone = sum(1 for number in self._gone if number > seq) if self._gone and self._gone[-1] > seq else 0
        return Window(seq + 1, self.last_seq, newer, more + gone)

    def page(self, query: TimelineQuery) -> TimelinePage:
        newer = (entry for seq, entry in self._by_seq.items() if seq > query.after)
        items = list(islice(newer, query.limit + 1))
        more = len(items) > query.limit
        items = items[: query.limit]
        return TimelinePage(
            items=items,
            total=len(self) + self.dropped,
            dropped=self.dropped,
            last_seq=self.last_seq,
            next_after=items[-1].seq if more else None,
        )
