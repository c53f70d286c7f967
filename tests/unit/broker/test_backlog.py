"""A backlog against a plain sorted list, with a window so small that most of it is in the store."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from embedded_services.broker.backlog import Backlog
from embedded_services.broker.message import ENTRY_BYTES, Entry
from tests.unit.broker.builders import message


class Pages:
    """What a store does for one queue."""

    def __init__(self) -> None:
        self.rows: dict[int, Entry] = {}

    def write(self, entry: Entry) -> None:
        assert entry.seq not in self.rows
        self.rows[entry.seq] = entry
        entry.stored = True

    def load(self, after: int, limit: int, most_bytes: int) -> list[Entry]:
        return [self.rows[seq] for seq in sorted(self.rows) if seq > after][:limit]

    def drop(self, after: int) -> None:
        self.rows = {seq: entry for seq, entry in self.rows.items() if seq <= after}


class Paged(RuleBasedStateMachine):
    @initialize(kept=st.integers(0, 12))
    def begin(self, kept: int) -> None:
        self.pages = Pages()
        self.backlog = Backlog(self.pages, window=4, batch=3)
        self.ready: dict[int, Entry] = {}
        self.out: list[Entry] = []
        self.last = 0
        for _ in range(kept):
            entry = self._new(b"stored")
            self.pages.write(entry)
            self.ready[entry.seq] = entry
        self.backlog.recover(kept, kept * 6)

    def _new(self, body: bytes) -> Entry:
        self.last += 1
        return Entry(self.last, message(body))

    @rule(body=st.binary(max_size=5), stored=st.booleans())
    def push(self, body: bytes, stored: bool) -> None:
        entry = self._new(body)
        if stored:
            self.pages.write(entry)
        self.backlog.push(entry)
        self.ready[entry.seq] = entry

    @precondition(lambda self: self.ready)
    @rule()
    def pop(self) -> None:
        head, entry = self.backlog.head(), self.backlog.pop()
        assert entry is head
        assert entry is not None
        assert entry.seq == min(self.ready)
        del self.ready[entry.seq]
        self.pages.rows.pop(entry.seq, None)
        entry.stored = False
        self.out.append(entry)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        entry = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.backlog.give_back(entry)
        self.ready[entry.seq] = entry

    @rule()
    def clear(self) -> None:
        taken = [entry.seq for entry in self.backlog.clear()]
        assert taken == sorted(taken)
        assert not (self.ready.keys() - taken) & self.pages.rows.keys()
        assert set(taken) <= self.ready.keys()
        self.ready.clear()
        self.pages.rows.clear()

    @invariant()
    def counts(self) -> None:
        if not hasattr(self, "backlog"):
            return
        assert self.backlog.count == len(self.ready)
        assert self.backlog.bytes == sum(entry.message.size for entry in self.ready.values())
        most = self.backlog.bytes + len(self.ready) * ENTRY_BYTES
        assert 0 <= self.backlog.bytes_in_memory <= most


class Prioritised(RuleBasedStateMachine):
    @initialize(highest=st.integers(0, 3))
    def begin(self, highest: int) -> None:
        self.highest = highest
        self.backlog = Backlog(Pages(), highest)
        self.ready: list[Entry] = []
        self.out: list[Entry] = []
        self.last = 0

    def order(self, entry: Entry) -> tuple[int, int]:
        return -min(entry.message.properties.priority, self.highest), entry.seq

    @rule(priority=st.none() | st.integers(0, 5))
    def push(self, priority: int | None) -> None:
        self.last += 1
        entry = Entry(self.last, message(priority=priority))
        self.backlog.push(entry)
        self.ready.append(entry)

    @precondition(lambda self: self.ready)
    @rule()
    def pop(self) -> None:
        entry = self.backlog.pop()
        assert entry is min(self.ready, key=self.order)
        self.ready.remove(entry)
        self.out.append(entry)

    @precondition(lambda self: self.out)
    @rule()
    def give_back(self) -> None:
        entry = self.out.pop(0)
        self.backlog.give_back(entry)
        self.ready.append(entry)


def test_only_the_head_of_a_long_queue_is_in_memory() -> None:
    pages = Pages()
    backlog = Backlog(pages, window=10, batch=5)
    for seq in range(1, 1001):
        backlog.push(Entry(seq, message(b"")))
    assert backlog.bytes_in_memory == 10 * ENTRY_BYTES
    found = []
    while (entry := backlog.pop()) is not None:
        found.append(entry.seq)
    assert found == list(range(1, 1001))


def test_what_is_only_in_the_store_is_not_read_to_be_thrown_away() -> None:
    pages = Pages()
    backlog = Backlog(pages, window=10, batch=5)
    for seq in range(1, 1001):
        backlog.push(Entry(seq, message(b"x")))
    assert [entry.seq for entry in backlog.clear()] == list(range(1, 11))
    assert (backlog.count, backlog.bytes, pages.rows) == (0, 0, {})
    backlog.push(Entry(1001, message(b"x")))
    assert backlog.pop() is not None
    assert backlog.pop() is None


TestPaged = Paged.TestCase
TestPrioritised = Prioritised.TestCase
