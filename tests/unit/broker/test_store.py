"""What the store keeps, and that a commit which fails keeps everything for the next."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_services.broker.exchanges import Binding, Destination, Exchange
from embedded_services.broker.message import Entry
from embedded_services.broker.store import CLEARED, Store
from embedded_services.broker.store_file import StoreError
from tests.unit.broker.builders import message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "broker.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def entry(seq: int, body: bytes = b"x", **properties: Any) -> Entry:
    return Entry(seq, message(body, **properties))


def bodies(store: Store, queue: int = 1, after: int = 0, limit: int = 100) -> list[bytes]:
    return [entry.message.body for entry in store.load(queue, after, limit, 1 << 20)]


def test_what_is_committed_is_there_again(path: Path) -> None:
    store = Store(path)
    arguments = {"x-max-length": 5, "half": 0.1, "list": [1, "a"]}
    store.add_exchange(Exchange("e", "topic", True, False, True, {"alternate-exchange": "a"}))
    store.add_queue(7, "q", True, arguments)
    binding = Binding("e", Destination("queue", "q"), "a.#", {"x-match": "any", "n": 1.5})
    store.add_binding(binding)
    store.add_binding(Binding("e", Destination("exchange", "other"), "", {}))
    kept = Entry(3, message(b"body", exchange="e", key="a.b", headers={"a": 1}), expires_at=5.5, deliveries=2)
    store.insert(7, kept, kept=True)
    store.delivered(7, 9)
    store.close()
    store = Store(path)
    (exchange,) = store.exchanges()
    assert (exchange.name, exchange.kind, exchange.internal, exchange.alternate) == ("e", "topic", True, "a")
    assert list(store.bindings())[1] == binding or binding in list(store.bindings())
    (queue,) = store.queues()
    assert (queue.name, queue.auto_delete, queue.arguments) == ("q", True, arguments)
    assert (queue.messages, queue.size, queue.last_seq, queue.delivered_to) == (1, 4, 9, 9)
    (again,) = store.load(7, 0, 10, 1 << 20)
    assert (again.seq, again.expires_at, again.deliveries, again.stored) == (3, 5.5, 2, True)
    assert (again.message.exchange, again.message.routing_key) == ("e", "a.b")
    assert (again.message.headers, again.message.body) == ({"a": 1}, b"body")
    store.drop_binding(binding)
    store.drop_exchange("e")
    store.drop_queue(7)
    store.close()
    store = Store(path)
    assert (list(store.exchanges()), store.queues(), store.load(7, 0, 10, 1)) == ([], [], [])
    assert [one.destination.kind for one in store.bindings()] == ["exchange"]
    store.close()


def test_what_only_went_out_of_memory_is_gone_after_a_restart(path: Path) -> None:
    store = Store(path)
    store.add_queue(1, "q", False, {})
    store.insert(1, entry(1, b"passing"), kept=False)
    store.insert(1, entry(2, b"kept"), kept=True)
    store.commit()
    assert bodies(store) == [b"passing", b"kept"]
    store.close()
    store = Store(path)
    assert bodies(store) == [b"kept"]
    store.close()


def test_a_message_that_came_and_went_in_a_turn_is_never_written(store: Store) -> None:
    one = entry(1)
    store.insert(1, one, kept=True)
    store.delete(1, one)
    assert not store.has_news


def test_loading_sees_what_is_not_committed_yet(store: Store) -> None:
    first, second = entry(1, b"1"), entry(2, b"2")
    store.insert(1, first, kept=True)
    store.insert(1, second, kept=True)
    store.commit()
    store.insert(1, entry(3, b"3"), kept=True)
    store.insert(2, entry(1, b"another queue's"), kept=True)
    store.delete(1, first)
    assert bodies(store) == [b"2", b"3"]
    assert bodies(store, after=2) == [b"3"]
    assert bodies(store, limit=1) == [b"2"]
    assert bodies(store, after=2, limit=1) == [b"3"]


def test_queues_lie_apart(store: Store) -> None:
    for queue in (1, 2, 3):
        store.insert(queue, entry(queue, b"%d" % queue), kept=True)
    store.commit()
    assert [bodies(store, queue) for queue in (1, 2, 3)] == [[b"1"], [b"2"], [b"3"]]


def test_a_failed_commit_keeps_its_changes(path: Path) -> None:
    """The disk is full: `max_page_count` is what a store meets then."""
    store = Store(path)
    store.add_queue(1, "q", False, {})
    store.commit()
    pages = store._file.db.execute("PRAGMA page_count").fetchone()[0]
    store._file.db.execute(f"PRAGMA max_page_count = {pages}")
    for seq in range(1, 30):
        store.insert(1, entry(seq, bytes(1000)), kept=True)
    for _ in range(2):
        with pytest.raises(StoreError, match="full"):
            store.commit()
        assert store.has_news
    store._file.db.execute("PRAGMA max_page_count = 10000")
    store.commit()
    assert not store.has_news
    store.close()
    store = Store(path)
    assert len(bodies(store)) == 29
    store.close()


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Store(path)


def test_a_file_of_a_later_version_is_refused(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="it has version 99, and this program knows 1"):
        Store(path)


def test_a_file_belongs_to_one_process(store: Store, path: Path) -> None:
    store.add_queue(1, "q", False, {})
    store.commit()
    with pytest.raises(StoreError, match="locked"):
        Store(path)


def test_deliveries_are_counted_in_the_store(path: Path) -> None:
    store = Store(path)
    one = entry(1)
    store.insert(1, one, kept=True)
    store.commit()
    one.deliveries = 3
    store.returned(1, one)
    store.close()
    store = Store(path)
    assert store.load(1, 0, 1, 1)[0].deliveries == 3
    store.close()


def many(store: Store, queue: int, count: int) -> None:
    for seq in range(1, count + 1):
        store.insert(queue, entry(seq), kept=True)
    store.commit()


def test_very_many_messages_go_bit_by_bit(store: Store) -> None:
    many(store, 1, 2 * CLEARED + 5)
    many(store, 2, 1)
    store.drop(1, 3, 2 * CLEARED + 4)
    commits = 0
    while store.is_clearing:
        store.commit()
        commits += 1
    assert commits == 3
    assert [one.seq for one in store.load(1, 0, 10, 1 << 20)] == [1, 2, 3, 2 * CLEARED + 5]
    assert len(bodies(store, 2)) == 1
    assert not store.has_news


def test_what_is_dropped_is_not_there_again_though_it_was_not_deleted_yet(path: Path) -> None:
    store = Store(path)
    store.add_queue(1, "purged", False, {})
    store.add_queue(2, "removed", False, {})
    for queue in (1, 2):
        many(store, queue, 2 * CLEARED)
    store.drop(1, 0, 2 * CLEARED)
    store.drop_queue(2)
    store.insert(1, entry(2 * CLEARED + 1, b"later"), kept=True)
    store.commit()
    assert store.is_clearing
    store.close()
    store = Store(path)
    assert [(queue.name, queue.messages) for queue in store.queues()] == [("purged", 1)]
    assert bodies(store) == [b"later"]
    assert bodies(store, 2) == []
    store.close()
