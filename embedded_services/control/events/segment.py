"""One file of the history: events in the order of their numbers, with an index of the three-letter sequences in them.

Everything here blocks. One thread writes, any number read. Plain SQL, because the library for it takes longer to load than
all else that the control plane starts with.
"""

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from embedded_services.contracts.events import Seen
from embedded_services.control.events import matching

FEW: Final = 5_000
"""Candidates that are cheaper to look at than it is to read through all."""
SAMPLE: Final = 32
VERSION: Final = 1
IDLE: Final = 4
"""Connections that are kept for the next reader."""

_COLUMNS: Final = "seq, at, type, source, message_id, routing_key, trace, size, body"
_MAKE: Final = (
    """CREATE TABLE IF NOT EXISTS events (
        seq INTEGER NOT NULL PRIMARY KEY, at FLOAT NOT NULL, type VARCHAR NOT NULL, source VARCHAR NOT NULL,
        message_id VARCHAR NOT NULL, routing_key VARCHAR NOT NULL, trace VARCHAR NOT NULL, size INTEGER NOT NULL,
        body VARCHAR NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS events_by_type ON events (type)",
    "CREATE INDEX IF NOT EXISTS events_by_trace ON events (trace)",
    """CREATE VIRTUAL TABLE IF NOT EXISTS words
        USING fts5 (body, content='', columnsize=0, detail=none, tokenize='trigram')""",
    f"PRAGMA user_version = {VERSION}",
)
_ADD: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_WORDS: Final = "INSERT INTO words (rowid, body) VALUES (?, ?)"
_LIKE: Final = "body LIKE ? ESCAPE '\\'"
_COUNT_WORDS: Final = "SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"


class Wanted(msgspec.Struct, frozen=True):
    """Events with `after` < seq < `before`, of one of `types` (None: any), of `trace` and with the text `q`, if given."""

    after: int
    before: int
    types: frozenset[str] | None
    trace: str
    q: str


class Conditions:
    """What an event has to fulfil, all of it; with the values that belong to it, in their order."""

    def __init__(self) -> None:
        self._sql = ["1"]
        self.values: list[Any] = []

    def add(self, sql: str, *values: object) -> None:
        """`sql` is ours, with a `?` for each of the values, whosever they are."""
        self._sql.append(sql)
        self.values.extend(values)

    def __str__(self) -> str:
        return " AND ".join(self._sql)


class Segment:
    """Raises sqlite3.Error or OSError for a file that cannot be used, from any call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        with self._connection() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"{path} has version {version}, this program knows {VERSION}")
            if not version:
                for statement in _MAKE:
                    db.execute(statement)
            first, last, count = db.execute("SELECT MIN(seq), MAX(seq), COUNT(*) FROM events").fetchone()
            self.size = _size(db)
            self.types: set[str] = {row[0] for row in db.execute("SELECT DISTINCT type FROM events")}
        self.first: int = first or 0
        """0 as long as there is none."""
        self.last: int = last or 0
        self.count: int = count

    def close(self) -> None:
        """What still reads goes on to its end."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def remove(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def append(self, added: Sequence[Seen]) -> None:
        """All of them or none, on disk when the system next writes its caches: a process that is killed loses nothing."""
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            rows = [msgspec.structs.astuple(_storable(event)) for event in added]
            db.executemany(_ADD, rows)
            db.executemany(_ADD_WORDS, [(row[0], row[-1]) for row in rows])
            db.execute("COMMIT")
            self.size = _size(db)
        self.first = min(self.first or added[0].seq, added[0].seq)
        self.last = max(self.last, added[-1].seq)
        self.count += len(added)
        self.types.update(event.type for event in added)

    def seal(self) -> None:
        """Nothing more will be added."""
        with self._connection() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def search(self, wanted: Wanted, limit: int) -> tuple[list[Seen], int]:
        """The newest `limit` matches, the newest first, and how many there are in all. Each row is looked at once."""
        with self._connection() as db:
            sample = _sample(db) if wanted.q else []
            conditions = _conditions(wanted, self.types, sample)
            if wanted.q and (grams := matching.grams(wanted.q, sample)):
                (few,) = db.execute(_COUNT_WORDS, (grams, FEW + 1)).fetchone()
                if not few:
                    return [], 0
                if few <= FEW:
                    conditions.add("seq IN (SELECT rowid FROM words WHERE words MATCH ?)", grams)
            found = db.execute(
                f"SELECT {_COLUMNS} FROM events WHERE {conditions} ORDER BY seq DESC LIMIT ?",  # noqa: S608 - our own words; what others say are values
                (*conditions.values, limit),
            )
            items = [Seen(*row) for row in found]
            if len(items) < limit:
                return items, len(items)
            if items:
                conditions.add("seq < ?", items[-1].seq)
            (rest,) = db.execute(
                f"SELECT COUNT(*) FROM events WHERE {conditions}",  # noqa: S608 - as above
                conditions.values,
            ).fetchone()
            return items, len(items) + rest

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One that nobody else uses. After an error, or when nobody needs it, it is closed, which undoes what was begun."""
        try:
            db = self._idle.pop()
        except IndexError:
            db = _opened(self.path)
        try:
            yield db
        except BaseException:
            db.close()
            raise
        if self._closed or len(self._idle) >= IDLE:
            db.close()
        else:
            self._idle.append(db)


def _sample(db: sqlite3.Connection) -> list[str]:
    newest = db.execute("SELECT body FROM events ORDER BY seq DESC LIMIT ?", (SAMPLE,))
    return [matching.fold(body) for (body,) in newest]


def _conditions(wanted: Wanted, types: set[str], sample: list[str]) -> Conditions:
    conditions = Conditions()
    if wanted.after:
        conditions.add("seq > ?", wanted.after)
    if wanted.before:
        conditions.add("seq < ?", wanted.before)
    if wanted.types is not None and not types <= wanted.types:
        among = wanted.types & types
        conditions.add(f"type IN ({', '.join('?' * len(among))})", *among)
    if wanted.trace:
        conditions.add("trace = ?", wanted.trace)
    if wanted.q:
        if (tail := matching.tail(wanted.q, sample)) != wanted.q:
            conditions.add(_LIKE, matching.like(tail))
        conditions.add(_LIKE, matching.like(wanted.q))
        if matching.has_other_case(wanted.q):
            conditions.add("holds(body, ?) = 1", matching.fold(wanted.q))
    return conditions


def _storable(event: Seen) -> Seen:
    if "\x00" not in event.body:
        return event
    return msgspec.structs.replace(event, body=matching.storable(event.body))


def _size(db: sqlite3.Connection) -> int:
    """Bytes."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (page,) = db.execute("PRAGMA page_size").fetchone()
    return int(pages * page)


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.create_function("holds", 2, matching.holds, deterministic=True)
        for pragma in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = NORMAL",
            "PRAGMA cache_size = -2048",
            "PRAGMA mmap_size = 268435456",
        ):
            db.execute(pragma)
    except BaseException:
        db.close()
        raise
    return db
