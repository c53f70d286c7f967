"""What survives: the broker's topology and messages, as rows of its file. Written once a loop turn, in one transaction.

Nothing that a client is told may be earlier than what makes it true: deliveries and replies wait for `commit`, confirms and
what is declared for `sync` besides. A message that came and went within a turn is never written at all.

A queue's messages are rows of their own, one for each queue that a message waits in: `id` is the queue's number and the
place in it, so that a queue lies together on disk in its order and a deletion touches one spot. How far a queue's messages
were handed out is a mark of the queue, not of each: all up to it count as redelivered after a restart.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pamqp import decode

from embedded_services.broker import tables
from embedded_services.broker.content_header import read
from embedded_services.broker.exchanges import Binding, Destination, Exchange
from embedded_services.broker.message import Entry, Message
from embedded_services.broker.store_file import FLUSH, StoreError, StoreFile

SEQ_BITS: Final = 40
CLEARED: Final = 2_000
"""Rows that are deleted with a commit of those that nobody can reach any more."""
_SEQ_MASK: Final = (1 << SEQ_BITS) - 1
_COUNT: Final = (
    "SELECT COUNT(*), IFNULL(SUM(LENGTH(body)), 0), IFNULL(MAX(id), 0) FROM messages WHERE id BETWEEN ? AND ?"
)
_QUEUES: Final = "SELECT number, name, auto_delete, arguments, delivered_to FROM queues"
_CLEAR: Final = (
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)"
)
_INSERT: Final = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LOAD: Final = (
    "SELECT id, expires_at, deliveries, exchange, routing_key, payload, body FROM messages "
    "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
)


@dataclass(frozen=True)
class StoredQueue:
    """`messages` wait in it, of `size` bytes together; `last_seq` is the highest place that was ever used."""

    number: int
    name: str
    auto_delete: bool
    arguments: Mapping[str, Any]
    delivered_to: int
    messages: int
    size: int
    last_seq: int


class Store:
    """Changes gather in memory until `commit`. If that fails (a full disk) they are kept, and tried again with the next."""

    def __init__(self, path: Path, flush: Callable[[int], None] = FLUSH) -> None:
        """`flush` has the disk keep an open file. Raises StoreError."""
        self._file = StoreFile(path, flush)
        self._topology: list[tuple[str, tuple[Any, ...]]] = []
        self._inserts: dict[int, tuple[Any, ...]] = {}
        self._returned: dict[int, int] = {}
        self._deletes: dict[int, None] = {}
        self._delivered: dict[int, int] = {}
        self._doomed: deque[tuple[int, int]] = deque()
        self._known: set[int] = set()
        """Numbers of the queues of which there may be rows."""

    def close(self) -> None:
        """Raises StoreError when it cannot keep what was not committed yet; it is closed then, too."""
        try:
            self.commit()
        finally:
            self._file.close()

    # --- what was there: raises StoreError ---

    def exchanges(self) -> Iterator[Exchange]:
        for name, kind, auto_delete, internal, arguments in self._rows("SELECT * FROM exchanges"):
            yield Exchange(name, kind, True, bool(auto_delete), bool(internal), _table(arguments))

    def bindings(self) -> Iterator[Binding]:
        for source, kind, destination, key, arguments in self._rows("SELECT * FROM bindings"):
            yield Binding(source, Destination(kind, destination), key, _table(arguments))

    def queues(self) -> list[StoredQueue]:
        found = []
        for number, name, auto_delete, arguments, delivered_to in list(self._rows(_QUEUES)):
            low = number << SEQ_BITS
            ((count, size, last),) = self._rows(_COUNT, low, low | _SEQ_MASK)
            self._known.add(number)
            last_seq = max(last & _SEQ_MASK, delivered_to)
            found.append(
                StoredQueue(
                    number, name, bool(auto_delete), _table(arguments), delivered_to, count, size, last_seq
                )
            )
        return found

    # --- changes ---

    @property
    def is_clearing(self) -> bool:
        """There is more to delete, with the next commits."""
        return bool(self._doomed)

    @property
    def has_news(self) -> bool:
        return bool(
            self._doomed
            or self._topology
            or self._inserts
            or self._deletes
            or self._delivered
            or self._returned
        )

    def add_exchange(self, exchange: Exchange) -> None:
        self._change(
            "INSERT OR REPLACE INTO exchanges VALUES (?, ?, ?, ?, ?)",
            exchange.name,
            exchange.kind,
            exchange.auto_delete,
            exchange.internal,
            tables.encode(exchange.arguments),
        )

    def drop_exchange(self, name: str) -> None:
        self._change("DELETE FROM exchanges WHERE name = ?", name)

    def add_binding(self, binding: Binding) -> None:
        self._change("INSERT OR IGNORE INTO bindings VALUES (?, ?, ?, ?, ?)", *_row(binding))

    def drop_binding(self, binding: Binding) -> None:
        self._change(
            "DELETE FROM bindings WHERE source = ? AND kind = ? AND destination = ? AND routing_key = ? AND arguments = ?",
            *_row(binding),
        )

    def add_queue(self, number: int, name: str, auto_delete: bool, arguments: Mapping[str, Any]) -> None:
        self._known.add(number)
        self._change(
            "INSERT INTO queues (number, name, auto_delete, arguments) VALUES (?, ?, ?, ?)",
            number,
            name,
            auto_delete,
            tables.encode(arguments),
        )

    def drop_queue(self, number: int) -> None:
        """The queue and all its messages. Nothing of it may be here, when it was only in memory."""
        if number not in self._known:
            return
        self._known.discard(number)
        for changes in (self._inserts, self._deletes, self._returned):
            for row in [row for row in changes if row >> SEQ_BITS == number]:
                del changes[row]
        self._delivered.pop(number, None)
        self._change("DELETE FROM queues WHERE number = ?", number)
        self._doom(number << SEQ_BITS, number << SEQ_BITS | _SEQ_MASK)

    def insert(self, queue: int, entry: Entry, *, kept: bool) -> None:
        """`kept`: it survives a restart; else it is only out of memory."""
        self._known.add(queue)
        message = entry.message
        row = queue << SEQ_BITS | entry.seq
        self._inserts[row] = (
            row,
            kept,
            entry.expires_at,
            entry.deliveries,
            message.exchange,
            message.routing_key,
            message.payload,
            message.body,
        )
        entry.stored = True

    def delete(self, queue: int, entry: Entry) -> None:
        row = queue << SEQ_BITS | entry.seq
        self._returned.pop(row, None)
        if self._inserts.pop(row, None) is None:
            self._deletes[row] = None

    def drop(self, queue: int, after: int, last: int) -> None:
        """All messages behind place `after`, up to `last`. Nobody may have them."""
        low, high = (queue << SEQ_BITS | after) + 1, queue << SEQ_BITS | last
        for row in [row for row in self._inserts if low <= row <= high]:
            del self._inserts[row]
        self._doom(low, high)

    def _doom(self, low: int, high: int) -> None:
        self._change("INSERT OR REPLACE INTO doomed VALUES (?, ?)", low, high)
        self._doomed.append((low, high))

    def returned(self, queue: int, entry: Entry) -> None:
        """It came back once more: how often is kept, for queues that count."""
        self._returned[queue << SEQ_BITS | entry.seq] = entry.deliveries

    def delivered(self, queue: int, seq: int) -> None:
        """Messages up to this place may have been seen by somebody."""
        self._delivered[queue] = seq

    def commit(self) -> None:
        """Make all changes true. Raises StoreError, and keeps them then."""
        self._file.mend()
        if not self.has_news:
            return
        cleared = self._file.write(self._write)
        if cleared:
            self._doomed.popleft()
        topology = bool(self._topology)
        for changes in (self._topology, self._inserts, self._returned, self._deletes, self._delivered):
            changes.clear()
        if topology:  # its replies are no confirms, and yet are promises
            self._file.sync()

    @property
    def is_behind(self) -> bool:
        """Something is committed that the disk was not asked to keep."""
        return self._file.is_behind

    def sync(self) -> None:
        """Have the disk keep all that was committed before. Raises StoreError; the next `commit` mends it, or raises too.
        Safe in another thread."""
        self._file.sync()

    def _write(self, db: sqlite3.Connection) -> bool:
        """Whether the first of those that are doomed are gone."""
        for statement, values in self._topology:
            db.execute(statement, values)
        if self._inserts:
            db.executemany(_INSERT, self._inserts.values())
        if self._returned:
            pairs = [(count, row) for row, count in self._returned.items()]
            db.executemany("UPDATE messages SET deliveries = ? WHERE id = ?", pairs)
        if self._deletes:
            db.executemany("DELETE FROM messages WHERE id = ?", [(row,) for row in self._deletes])
        if self._delivered:
            pairs = [(seq, number) for number, seq in self._delivered.items()]
            db.executemany("UPDATE queues SET delivered_to = ? WHERE number = ?", pairs)
        return bool(self._doomed) and self._clear(db, *self._doomed[0])

    def _clear(self, db: sqlite3.Connection, low: int, high: int) -> bool:
        if db.execute(_CLEAR, (low, high, CLEARED)).rowcount == CLEARED:
            return False
        db.execute("DELETE FROM doomed WHERE low = ?", (low,))
        return True

    def load(self, queue: int, after: int, limit: int, most_bytes: int) -> list[Entry]:
        """Messages of a queue behind place `after`, in order: those that were committed, then those that will be. Raises
        StoreError."""
        low = (queue << SEQ_BITS | after) + 1
        high = queue << SEQ_BITS | _SEQ_MASK
        found: list[Entry] = []
        size = seen = last = 0
        for row in self._rows(_LOAD, low, high, limit):
            seen, last = seen + 1, row[0]
            if row[0] in self._deletes:
                continue
            found.append(_entry(*row))
            size += found[-1].message.size
            if size >= most_bytes:
                return found
        if seen == limit:  # there may be more that are committed
            return found or self.load(queue, last & _SEQ_MASK, limit, most_bytes)
        for row_id, values in self._inserts.items():
            if low <= row_id <= high and len(found) < limit:
                _, _, expires_at, deliveries, *rest = values
                found.append(_entry(row_id, expires_at, deliveries, *rest))
        return found

    def _rows(self, query: str, *values: Any) -> Iterator[Any]:
        """Raises StoreError."""
        try:
            yield from self._file.db.execute(query, values)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    def _change(self, statement: str, *values: Any) -> None:
        self._topology.append((statement, values))


def _row(binding: Binding) -> tuple[Any, ...]:
    kind, name = binding.destination
    return binding.source, kind, name, binding.routing_key, tables.encode(binding.arguments)


def _table(raw: bytes) -> dict[str, Any]:
    _, table = decode.field_table(raw)
    return dict(table)


def _entry(
    row: int,
    expires_at: float | None,
    deliveries: int,
    exchange: str,
    routing_key: str,
    payload: bytes,
    body: bytes,
) -> Entry:
    message = Message(exchange, routing_key, read(payload), payload, body)
    return Entry(row & _SEQ_MASK, message, expires_at, deliveries=deliveries, stored=True)
