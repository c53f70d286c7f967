"""The messages of a queue that are ready, in order. Only its head is in memory; the rest of a long one is in the store.

A message that comes back takes its old place. With priorities everything stays in memory, in a lane for each priority.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, Protocol

from embedded_services.broker.message import ENTRY_BYTES, Entry

WINDOW: Final = 8_192
"""Messages of a queue that are kept in memory."""
WINDOW_BYTES: Final = 16 * 1024 * 1024
BATCH: Final = 2_048
"""Messages read back from the store at a time."""
BATCH_BYTES: Final = 4 * 1024 * 1024


class Pages(Protocol):
    """Where a queue's messages are stored."""

    def write(self, entry: Entry) -> None: ...

    def load(self, after: int, limit: int, most_bytes: int) -> list[Entry]:
        """The stored messages that follow on place `after`, in order; at least one if there is any."""
        ...

    def drop(self, after: int) -> None:
        """Forget all stored messages that follow on place `after`."""
        ...


class _Lane:
    __slots__ = ("fresh", "returned")

    def __init__(self) -> None:
        self.fresh: deque[Entry] = deque()
        self.returned: list[Entry] = []

    def __len__(self) -> int:
        return len(self.fresh) + len(self.returned)

    def head(self) -> Entry:
        if self.returned and (not self.fresh or self.returned[0].seq < self.fresh[0].seq):
            return self.returned[0]
        return self.fresh[0]

    def pop(self) -> Entry:
        if self.returned and (not self.fresh or self.returned[0].seq < self.fresh[0].seq):
            return heappop(self.returned)
        return self.fresh.popleft()


class Backlog:
    def __init__(
        self, pages: Pages, max_priority: int | None = None, *, window: int = WINDOW, batch: int = BATCH
    ) -> None:
        self._pages = pages
        self._window = window
        self._batch = batch
        self._highest = max_priority or 0
        self._pageable = max_priority is None
        self._lanes = [_Lane() for _ in range(self._highest + 1)]
        self._in_memory = 0
        self._loaded_to = 0
        self._paged = 0
        self.count = 0
        self.bytes = 0

    @property
    def bytes_in_memory(self) -> int:
        """Roughly: a message takes room also when its body is empty."""
        return self._in_memory + (self.count - self._paged) * ENTRY_BYTES

    def recover(self, count: int, size: int) -> None:
        """So many messages of so many bytes are in the store, and none in memory."""
        self.count, self.bytes, self._paged = count, size, count
        if not self._pageable:
            while self._paged:
                self._load()

    def push(self, entry: Entry) -> None:
        """A new message, behind all that there are."""
        size = entry.message.size
        self.count += 1
        self.bytes += size
        lane = self._lane(entry)
        if self._pageable and (
            self._paged
            or len(lane.fresh) >= self._window
            or (lane.fresh and self._in_memory + size > WINDOW_BYTES)
        ):
            if not entry.stored:
                self._pages.write(entry)
            self._paged += 1
            return
        self._loaded_to = entry.seq
        self._in_memory += size
        lane.fresh.append(entry)

    def give_back(self, entry: Entry) -> None:
        """A message that was taken is ready again, in its old place."""
        size = entry.message.size
        self.count += 1
        self.bytes += size
        self._in_memory += size
        heappush(self._lane(entry).returned, entry)

    def head(self) -> Entry | None:
        lane = self._first_lane()
        return lane.head() if lane is not None else None

    def pop(self) -> Entry | None:
        lane = self._first_lane()
        if lane is None:
            return None
        entry = lane.pop()
        size = entry.message.size
        self.count -= 1
        self.bytes -= size
        self._in_memory -= size
        return entry

    def clear(self) -> Iterator[Entry]:
        """Take all that is in memory, in order; what is only in the store is dropped there, however much it is."""
        if self._paged:
            self._pages.drop(self._loaded_to)
            self.count -= self._paged
            self.bytes = self._in_memory
            self._paged = 0
        while (entry := self.pop()) is not None:
            yield entry

    def _lane(self, entry: Entry) -> _Lane:
        if not self._highest:
            return self._lanes[0]
        return self._lanes[self._highest - min(entry.message.properties.priority, self._highest)]

    def _first_lane(self) -> _Lane | None:
        for lane in self._lanes:
            if lane.fresh or lane.returned:
                return lane
        if not self._paged:
            return None
        self._load()
        return self._lanes[0] if len(self._lanes[0]) else None

    def _load(self) -> None:
        entries = self._pages.load(self._loaded_to, self._batch, BATCH_BYTES)
        if not entries:
            raise RuntimeError(f"the store lacks {self._paged} messages that were written to it")
        self._loaded_to = entries[-1].seq
        self._paged -= len(entries)
        for entry in entries:
            self._in_memory += entry.message.size
            self._lane(entry).fresh.append(entry)
