"""A queue against a plain list: order, counts, limits, and what it asks of its host."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from embedded_services.broker.consumer import Consumer
from embedded_services.broker.message import Entry, Message
from embedded_services.broker.queue import EXPIRED_AT_ONCE, MOST_UNACKED, Queue
from embedded_services.broker.queue_arguments import QueueArguments
from tests.unit.broker.builders import message

NOW = 1_000_000.0


class Host:
    """Keeps what a queue asks for."""

    def __init__(self) -> None:
        self.rows: dict[int, Entry] = {}
        self.dead: list[tuple[bytes, str]] = []
        self.later: list[Queue] = []

    def insert(self, queue: Queue, entry: Entry, *, kept: bool) -> None:
        self.rows[entry.seq] = entry
        entry.stored = True

    def delete(self, queue: Queue, entry: Entry) -> None:
        del self.rows[entry.seq]

    def returned(self, queue: Queue, entry: Entry) -> None:
        assert entry.seq in self.rows

    def delivered(self, queue: Queue, seq: int) -> None: ...

    def load(self, queue: Queue, after: int, limit: int, most_bytes: int) -> list[Entry]:
        return [self.rows[seq] for seq in sorted(self.rows) if seq > after][:limit]

    def drop(self, queue: Queue, after: int, last: int) -> None:
        for seq in [seq for seq in self.rows if after < seq <= last]:
            del self.rows[seq]

    def dead_letter(self, queue: Queue, message: Message, reason: str) -> None:
        self.dead.append((message.body, reason))

    def active(self, queue: Queue) -> None: ...

    def more_later(self, queue: Queue) -> None:
        self.later.append(queue)


class Outlet:
    def __init__(self) -> None:
        self.got: list[Entry] = []

    def can_take(self) -> bool:
        return True

    def deliver(self, consumer: Consumer, entry: Entry) -> None:
        self.got.append(entry)

    def cancelled(self, consumer: Consumer) -> None: ...


def new_queue(host: Host, limits: QueueArguments | None = None) -> Queue:
    options: dict[str, Any] = {"durable": True, "auto_delete": False, "owner": None, "arguments": {}}
    return Queue(host, 1, "q", limits=limits or QueueArguments(), **options)


class Model(RuleBasedStateMachine):
    @initialize(
        length=st.none() | st.integers(0, 4),
        size=st.none() | st.integers(0, 8),
        overflow=st.sampled_from(["drop-head", "reject-publish", "reject-publish-dlx"]),
        limit=st.none() | st.integers(0, 2),
    )
    def begin(self, length: int | None, size: int | None, overflow: str, limit: int | None) -> None:
        self.limits = QueueArguments(
            quorum=limit is not None,
            max_length=length,
            max_bytes=size,
            overflow=overflow,
            dead_letter_exchange="dlx",
            delivery_limit=limit,
        )
        self.host = Host()
        self.queue = new_queue(self.host, self.limits)
        self.ready: list[int] = []
        self.bodies: dict[int, bytes] = {}
        self.returns: dict[int, int] = {}
        self.out: list[Entry] = []
        self.dead: list[tuple[bytes, str]] = []
        self.last = 0

    def size(self) -> int:
        return sum(len(self.bodies[seq]) for seq in self.ready)

    def too_much(self, count: int = 0, more: int = 0) -> bool:
        limits = self.limits
        return (limits.max_length is not None and len(self.ready) + count > limits.max_length) or (
            limits.max_bytes is not None and self.size() + more > limits.max_bytes
        )

    def shorten(self) -> None:
        while self.ready and self.too_much():
            self.dead.append((self.bodies[self.ready.pop(0)], "maxlen"))

    @rule(body=st.binary(max_size=4), persistent=st.booleans())
    def publish(self, body: bytes, persistent: bool) -> None:
        taken = self.queue.publish(message(body, delivery_mode=2 if persistent else 1), NOW)
        refused = self.limits.overflow != "drop-head" and self.too_much(1, len(body))
        assert taken is not refused
        if refused:
            if self.limits.overflow == "reject-publish-dlx":
                self.dead.append((body, "maxlen"))
            return
        self.last += 1
        self.bodies[self.last] = body
        self.ready.append(self.last)
        self.shorten()

    @rule()
    def get(self) -> None:
        entry = self.queue.get(NOW, no_ack=False)
        if not self.ready:
            assert entry is None
            return
        assert entry is not None
        assert entry.seq == self.ready.pop(0)
        assert entry.redelivered == (entry.seq in self.returns)
        self.out.append(entry)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), way=st.sampled_from(["ack", "reject", "requeue"]))
    def settle(self, data: st.DataObject, way: str) -> None:
        entry = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        getattr(self.queue, way)(entry)
        if way == "reject":
            self.dead.append((entry.message.body, "rejected"))
        if way != "requeue":
            return
        count = self.returns[entry.seq] = self.returns.get(entry.seq, 0) + 1
        if self.limits.delivery_limit is not None and count > self.limits.delivery_limit:
            self.dead.append((entry.message.body, "delivery_limit"))
            return
        self.ready = sorted([*self.ready, entry.seq])
        self.shorten()

    @rule()
    def purge(self) -> None:
        assert self.queue.purge() == len(self.ready)
        self.ready.clear()

    @invariant()
    def counts(self) -> None:
        if not hasattr(self, "queue"):
            return
        assert self.queue.ready == len(self.ready)
        assert self.queue.backlog.bytes == self.size()
        assert self.queue.unacked == len(self.out)
        assert self.queue.unacked_bytes == sum(entry.message.size for entry in self.out)
        assert self.host.dead == self.dead
        assert self.host.rows.keys() <= {*self.ready, *(entry.seq for entry in self.out)}


TestModel = Model.TestCase


def consumer(outlet: Outlet, tag: str, **options: Any) -> Consumer:
    given: dict[str, Any] = {"no_ack": False, "exclusive": False, "prefetch": 0, **options}
    return Consumer(tag, "q", outlet, **given)


def test_a_full_consumer_leaves_the_rest_to_others() -> None:
    host, few, many = Host(), Outlet(), Outlet()
    queue = new_queue(host)
    queue.add(consumer(few, "few", prefetch=2))
    queue.add(consumer(many, "many"))
    for number in range(10):
        queue.publish(message(b"%d" % number), NOW)
    queue.pump(NOW)
    assert (len(few.got), len(many.got), queue.ready, queue.unacked) == (2, 8, 0, 10)


def test_what_is_too_old_is_never_given_out() -> None:
    host, outlet = Host(), Outlet()
    queue = new_queue(host, QueueArguments(message_ttl=100, dead_letter_exchange="dlx"))
    queue.publish(message(b"old"), NOW)
    queue.publish(message(b"new"), NOW + 0.05)
    assert queue.next_wake() == NOW + 0.1
    queue.add(consumer(outlet, "c"))
    queue.pump(NOW + 0.11)
    assert [entry.message.body for entry in outlet.got] == [b"new"]
    assert host.dead == [(b"old", "expired")]


def test_very_many_that_are_too_old_go_bit_by_bit_and_none_of_them_out() -> None:
    host, outlet, count = Host(), Outlet(), 2 * EXPIRED_AT_ONCE + 10
    queue = new_queue(host, QueueArguments(message_ttl=100, dead_letter_exchange="dlx"))
    for number in range(count):
        queue.publish(message(b"%d" % number), NOW)
    queue.publish(message(b"young"), NOW + 0.1)
    queue.add(consumer(outlet, "c"))
    for turn in (1, 2):
        queue.pump(NOW + 0.11)
        assert (len(host.dead), host.later, outlet.got) == (turn * EXPIRED_AT_ONCE, [queue] * turn, [])
    queue.pump(NOW + 0.11)
    assert [entry.message.body for entry in outlet.got] == [b"young"]
    assert host.dead == [(b"%d" % number, "expired") for number in range(count)]
    assert len(host.later) == 2


def test_who_asks_gets_the_first_that_is_young_enough_however_many_are_too_old() -> None:
    queue = new_queue(Host(), QueueArguments(message_ttl=100))
    for _ in range(EXPIRED_AT_ONCE + 10):
        queue.publish(message(b"old"), NOW)
    queue.publish(message(b"young"), NOW + 0.1)
    entry = queue.get(NOW + 0.11, no_ack=True)
    assert entry is not None
    assert entry.message.body == b"young"


def test_an_unused_queue_expires_from_its_last_use() -> None:
    queue = new_queue(Host(), QueueArguments(expires=1000))
    queue.used(NOW)
    assert queue.next_wake() == NOW + 1
    assert not queue.is_expired(NOW + 0.9)
    queue.used(NOW + 0.9)
    assert not queue.is_expired(NOW + 1.5)
    assert queue.is_expired(NOW + 1.9)
    queue.add(consumer(Outlet(), "c"))
    assert not queue.is_expired(NOW + 100)


def test_a_restart_flags_what_somebody_may_have_seen() -> None:
    host = Host()
    for seq in range(1, 5):
        host.rows[seq] = Entry(seq, message(b"%d" % seq), stored=True)
    queue = new_queue(host)
    queue.recover(messages=4, size=4, last_seq=4, delivered_to=2)
    got = [queue.get(NOW, no_ack=True) for _ in range(4)]
    assert [entry.redelivered for entry in got if entry is not None] == [True, True, False, False]
    queue.publish(message(b"5"), NOW)
    entry = queue.get(NOW, no_ack=True)
    assert entry is not None
    assert (entry.seq, entry.redelivered) == (5, False)


def test_one_who_takes_everything_and_acknowledges_nothing_is_waited_for() -> None:
    queue, outlet = new_queue(Host()), Outlet()
    queue.add(Consumer("a", "q", outlet, no_ack=False, exclusive=False, prefetch=0))
    large = bytes(MOST_UNACKED // 4)
    for _ in range(8):
        queue.publish(message(large), NOW)
    queue.pump(NOW)
    assert (len(outlet.got), queue.ready) == (4, 4)
    queue.ack(outlet.got[0])
    queue.pump(NOW)
    assert (len(outlet.got), queue.ready) == (5, 3)
