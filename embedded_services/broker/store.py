"""What survives: the broker's SQLite file. Written once a loop turn, in one transaction.

Nothing that a client is told may be earlier than what makes it true. `commit` hands a turn's changes to the operating
system, so that they survive the end of this process, however it comes: deliveries and replies wait for that. `sync` has
the disk keep them, so that they survive a power cut: confirms wait for that too. It is what SQLite does at each commit
with `synchronous=FULL`, and here is done only for those who asked to be told. A message that came and went within a turn
is never written at all.

A queue's messages are rows of their own, one for each queue that a message waits in: `id` is the queue's number and the
place in it, so that a queue lies together on disk in its order and a deletion touches one spot.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pamqp import decode

from embedded_services.broker import tables
from embedded_services.broker.content_header import read
from embedded_services.broker.exchanges import Binding, Destination, Exchange
from embedded_services.broker.message import Entry, Message

SEQ_BITS: Final = 40
VERSION: Final = 1
CACHE_KB: Final = 8_192
CHECKPOINT_PAGES: Final = 2_000
"""Of 4 KiB: the more, the more of what came and went never reaches the file itself."""
LOCK_S: Final = 1.0
"""How long to wait for a process that still has the file."""

_SCHEMA: Final = (
    "CREATE TABLE exchanges (name TEXT PRIMARY KEY, kind TEXT NOT NULL, auto_delete INTEGER NOT NULL, "
    "internal INTEGER NOT NULL, arguments BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE queues (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, auto_delete INTEGER NOT NULL, "
    "arguments BLOB NOT NULL, delivered_to INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE bindings (source TEXT NOT NULL, kind TEXT NOT NULL, destination TEXT NOT NULL, "
    "routing_key TEXT NOT NULL, arguments BLOB NOT NULL, PRIMARY KEY (source, kind, destination, routing_key, arguments)) "
    "WITHOUT ROWID",
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, kept INTEGER NOT NULL, expires_at REAL, deliveries INTEGER NOT NULL, "
    "exchange TEXT NOT NULL, routing_key TEXT NOT NULL, payload BLOB NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX passing ON messages (id) WHERE kept = 0",
)
_COUNT: Final = (
    "SELECT COUNT(*), IFNULL(SUM(LENGTH(body)), 0), IFNULL(MAX(id), 0) FROM messages WHERE id BETWEEN ? AND ?"
)
_INSERT: Final = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class StoreError(Exception):
    """The file cannot be used; the message says why."""


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

    def __init__(self, path: Path) -> None:
        """Raises StoreError."""
        try:
            self._db = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None, cached_statements=64)
            self._prepare()
            self._log = os.open(path.with_name(f"{path.name}-wal"), os.O_RDWR)
            _extend(self._log)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: {error}") from error
        self._commits, self._synced = 1, 0
        self._topology: list[tuple[str, tuple[Any, ...]]] = []
        self._inserts: dict[int, tuple[Any, ...]] = {}
        self._returned: dict[int, int] = {}
        self._deletes: dict[int, None] = {}
        self._delivered: dict[int, int] = {}

    def _prepare(self) -> None:
        db = self._db
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",  # `sync` does the rest
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"cache_size = -{CACHE_KB}",
            "locking_mode = EXCLUSIVE",
        ):
            db.execute(f"PRAGMA {pragma}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"it has version {version}, and this program knows {VERSION}")
        db.execute("DELETE FROM messages WHERE kept = 0")

    def close(self) -> None:
        """Raises StoreError when it cannot keep what was not committed yet; it is closed then, too."""
        try:
            self.commit()
        finally:
            os.close(self._log)
            self._db.close()

    # --- what was there ---

    def exchanges(self) -> Iterator[Exchange]:
        for name, kind, auto_delete, internal, arguments in self._db.execute("SELECT * FROM exchanges"):
            yield Exchange(name, kind, True, bool(auto_delete), bool(internal), _table(arguments))

    def bindings(self) -> Iterator[Binding]:
        for source, kind, destination, key, arguments in self._db.execute("SELECT * FROM bindings"):
            yield Binding(source, Destination(kind, destination), key, _table(arguments))

    def queues(self) -> list[StoredQueue]:
        found = []
        rows = self._db.execute(
            "SELECT number, name, auto_delete, arguments, delivered_to FROM queues"
        ).fetchall()
        for number, name, auto_delete, arguments, delivered_to in rows:
            low = number << SEQ_BITS
            count, size, last = self._db.execute(_COUNT, (low, low | _SEQ_MASK)).fetchone()
            last_seq = max(last & _SEQ_MASK, delivered_to)
            found.append(
                StoredQueue(
                    number, name, bool(auto_delete), _table(arguments), delivered_to, count, size, last_seq
                )
            )
        return found

    # --- changes ---

    @property
    def has_news(self) -> bool:
        return bool(self._topology or self._inserts or self._deletes or self._delivered or self._returned)

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
        self._change(
            "INSERT INTO queues (number, name, auto_delete, arguments) VALUES (?, ?, ?, ?)",
            number,
            name,
            auto_delete,
            tables.encode(arguments),
        )

    def drop_queue(self, number: int) -> None:
        """The queue and all its messages."""
        for changes in (self._inserts, self._deletes, self._returned):
            for row in [row for row in changes if row >> SEQ_BITS == number]:
                del changes[row]
        self._delivered.pop(number, None)
        low = number << SEQ_BITS
        self._change("DELETE FROM messages WHERE id BETWEEN ? AND ?", low, low | _SEQ_MASK)
        self._change("DELETE FROM queues WHERE number = ?", number)

    def insert(self, queue: int, entry: Entry, *, kept: bool) -> None:
        """`kept`: it survives a restart; else it is only out of memory."""
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

    def returned(self, queue: int, entry: Entry) -> None:
        """It came back once more: how often is kept, for queues that count."""
        self._returned[queue << SEQ_BITS | entry.seq] = entry.deliveries

    def delivered(self, queue: int, seq: int) -> None:
        """Messages up to this place may have been seen by somebody."""
        self._delivered[queue] = seq

    def commit(self) -> None:
        """Make all changes true. Raises StoreError, and keeps them then."""
        if not self.has_news:
            return
        try:
            self._write()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(str(error)) from error
        self._commits += 1
        topology = bool(self._topology)
        for changes in (self._topology, self._inserts, self._returned, self._deletes, self._delivered):
            changes.clear()
        if topology:  # its replies are no confirms, and yet are promises
            self.sync()

    def sync(self) -> None:
        """Have the disk keep all that was committed before. Raises StoreError. Safe in another thread."""
        commits = self._commits
        if commits == self._synced:
            return
        try:
            _SYNC(self._log)
        except OSError as error:
            raise StoreError(str(error)) from error
        self._synced = commits

    def _write(self) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
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

    def load(self, queue: int, after: int, limit: int, most_bytes: int) -> list[Entry]:
        """Messages of a queue behind place `after`, in order: those that were committed, then those that will be."""
        low = (queue << SEQ_BITS | after) + 1
        high = queue << SEQ_BITS | _SEQ_MASK
        rows = self._db.execute(
            "SELECT id, expires_at, deliveries, exchange, routing_key, payload, body FROM messages "
            "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            (low, high, limit),
        )
        found: list[Entry] = []
        size = seen = last = 0
        for row in rows:
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

    def _change(self, statement: str, *values: Any) -> None:
        self._topology.append((statement, values))


_SYNC: Final = getattr(os, "fdatasync", os.fsync)
_SEQ_MASK: Final = (1 << SEQ_BITS) - 1


def _extend(log: int) -> None:
    """Give SQLite's log its full length at once: to overwrite a file costs the disk less than half of what it costs to
    make it longer. Zeros behind its end are nothing to SQLite: no frame begins with them."""
    size, full = os.fstat(log).st_size, CHECKPOINT_PAGES * 4_200
    if size < full:
        os.lseek(log, size, os.SEEK_SET)
        os.write(log, bytes(full - size))


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
