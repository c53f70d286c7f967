"""The broker's SQLite file: one connection, one transaction a turn, and what it takes until the disk has it.

`write` hands changes to the operating system, so that they survive the end of this process, however it comes. `sync` has
the disk keep them, so that they survive a power cut. SQLite itself does that at each commit with `synchronous=FULL`; here
it is `NORMAL`, and the log is flushed only for those who asked to be told. Its checkpoints flush by themselves.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from embedded_services.common.write_ahead_log import extend_log, log_of

T = TypeVar("T")

VERSION: Final = 1
CACHE_KB: Final = 8_192
CHECKPOINT_PAGES: Final = 2_000
"""Of 4 KiB: the more, the more of what came and went never reaches the file itself."""
LOCK_S: Final = 1.0
"""How long to wait for a process that still has the file."""
FLUSH: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)

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
_DOOMED: Final = (
    "CREATE TABLE IF NOT EXISTS doomed (low INTEGER PRIMARY KEY, high INTEGER NOT NULL) WITHOUT ROWID"
)
"""Rows from `low` to `high` are to be deleted: a queue with very many of them is gone at once, and they bit by bit."""


class StoreError(Exception):
    """The file cannot be used; the message says why."""


class StoreFile:
    """It is this process's alone. All but `sync` belongs to the thread that opened it."""

    def __init__(self, path: Path, flush: Callable[[int], None] = FLUSH) -> None:
        """`flush` has the disk keep an open file. Raises StoreError."""
        self._flush = flush
        try:
            self.db = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None, cached_statements=64)
            _prepare(self.db)
            extend_log(path, CHECKPOINT_PAGES)
            self._log = os.open(log_of(path), os.O_RDWR)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: {error}") from error
        self._commits, self._synced = 1, 0
        self._is_doubtful = False

    def close(self) -> None:
        os.close(self._log)
        self.db.close()

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """All that `change` does, or nothing; what it returns. Raises StoreError."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            result = change(self.db)
            self.db.execute("COMMIT")
        except sqlite3.Error as error:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise StoreError(str(error)) from error
        self._commits += 1
        return result

    @property
    def is_behind(self) -> bool:
        """Something was written that the disk was not asked to keep."""
        return self._synced != self._commits

    def sync(self) -> None:
        """Have the disk keep all that was written before. Raises StoreError. Safe in another thread."""
        commits = self._commits
        if commits == self._synced:
            return
        if self._is_doubtful:
            raise StoreError("the disk did not keep what it was given")
        try:
            self._flush(self._log)
        except OSError as error:
            self._is_doubtful = True
            raise StoreError(str(error)) from error
        self._synced = commits

    def mend(self) -> None:
        """After a `sync` that failed. Raises StoreError.

        The log cannot just be flushed again: that succeeds though the system may have given up what it could not write. So
        all of it is copied to the file itself, and that is flushed.
        """
        if not self._is_doubtful:
            return
        try:
            blocked, _, _ = self.db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error
        if blocked:
            raise StoreError("the log cannot be copied to the file")
        self._synced = self._commits
        self._is_doubtful = False


def _prepare(db: sqlite3.Connection) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
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
    db.execute(_DOOMED)
    for low, high in db.execute("SELECT low, high FROM doomed").fetchall():
        db.execute("DELETE FROM messages WHERE id BETWEEN ? AND ?", (low, high))
    db.execute("DELETE FROM doomed")
