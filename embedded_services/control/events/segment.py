"""One file of the history: events in the order of their numbers, with an index of the three-letter sequences in them.

Everything here blocks. One thread writes, any number read.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TextClause,
    create_engine,
    func,
    select,
    text,
    true,
)
from sqlalchemy import event as signals
from sqlalchemy.pool import QueuePool

from embedded_services.contracts.events import Seen
from embedded_services.control.events import matching

FEW: Final = 5_000
"""Candidates that are cheaper to look at than it is to read through all."""
SAMPLE: Final = 32
VERSION: Final = 1
READERS: Final = 4

metadata = MetaData()
events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("type", String, nullable=False),
    Column("source", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("routing_key", String, nullable=False),
    Column("trace", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", String, nullable=False),
)
Index("events_by_type", events.c.type)
Index("events_by_trace", events.c.trace)

_MAKE_WORDS: Final = text(
    "CREATE VIRTUAL TABLE words USING fts5 (body, content='', columnsize=0, detail=none, tokenize='trigram')"
)
_ADD: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_WORDS: Final = "INSERT INTO words (rowid, body) VALUES (?, ?)"
_COUNT_WORDS: Final = text("SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE words MATCH :grams LIMIT :few)")
_HAS_WORDS: Final = text("events.seq IN (SELECT rowid FROM words WHERE words MATCH :grams)")


class Wanted(msgspec.Struct, frozen=True):
    """Events with `after` < seq < `before`, of one of `types` (None: any), of `trace` and with the text `q`, if given."""

    after: int
    before: int
    types: frozenset[str] | None
    trace: str
    q: str


class Segment:
    """Raises sqlite3.Error or SQLAlchemyError for a file that cannot be used, from any call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=QueuePool,
            pool_size=READERS,
            max_overflow=READERS,
            connect_args={"check_same_thread": False, "isolation_level": None},
        )
        signals.listen(self._engine, "connect", _prepare)
        with self._engine.connect() as db:
            (version,) = db.execute(text("PRAGMA user_version")).one()
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"{path} has version {version}, this program knows {VERSION}")
            if not version:
                metadata.create_all(db)
                db.execute(_MAKE_WORDS)
                db.execute(text("PRAGMA user_version = 1"))
            first, last, count = db.execute(
                select(func.min(events.c.seq), func.max(events.c.seq), func.count())
            ).one()
            self.size = _size(db)
            self.types: set[str] = set(db.scalars(select(events.c.type).distinct()))
        self.first: int = first or 0
        """0 as long as there is none."""
        self.last: int = last or 0
        self.count: int = count

    def close(self) -> None:
        self._engine.dispose()

    def remove(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def append(self, added: Sequence[Seen]) -> None:
        """All of them or none, on disk when the system next writes its caches: a process that is killed loses nothing."""
        with self._engine.connect() as connection:
            db = connection.connection.cursor()
            db.execute("BEGIN IMMEDIATE")
            try:
                rows = [msgspec.structs.astuple(_storable(event)) for event in added]
                db.executemany(_ADD, rows)
                db.executemany(_ADD_WORDS, [(row[0], row[-1]) for row in rows])
                db.execute("COMMIT")
            except BaseException:
                if connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]  # it is open
                    db.execute("ROLLBACK")
                raise
            self.size = _size(connection)
        self.first = min(self.first or added[0].seq, added[0].seq)
        self.last = max(self.last, added[-1].seq)
        self.count += len(added)
        self.types.update(event.type for event in added)

    def seal(self) -> None:
        """Nothing more will be added."""
        with self._engine.connect() as db:
            db.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def search(self, wanted: Wanted, limit: int) -> tuple[list[Seen], int]:
        """The newest `limit` matches, the newest first, and how many there are in all. Each row is looked at once."""
        with self._engine.connect() as db:
            sample = _sample(db) if wanted.q else []
            conditions = _conditions(wanted, self.types, sample)
            given: dict[str, Any] = {}
            if wanted.q and (grams := matching.grams(wanted.q, sample)):
                given = {"grams": grams, "few": FEW + 1}
                few = db.scalar(_COUNT_WORDS, given)
                if not few:
                    return [], 0
                if few <= FEW:
                    conditions.append(_HAS_WORDS)
            found = select(events).where(*conditions).order_by(events.c.seq.desc()).limit(limit)
            items = [Seen(*row) for row in db.execute(found, given)]
            if len(items) < limit:
                return items, len(items)
            rest = select(func.count()).select_from(events).where(*conditions)
            if items:
                rest = rest.where(events.c.seq < items[-1].seq)
            return items, len(items) + (db.scalar(rest, given) or 0)


def _sample(db: Connection) -> list[str]:
    newest = select(events.c.body).order_by(events.c.seq.desc()).limit(SAMPLE)
    return [matching.fold(body) for body in db.scalars(newest)]


def _conditions(wanted: Wanted, types: set[str], sample: list[str]) -> list[ColumnElement[bool] | TextClause]:
    conditions: list[ColumnElement[bool] | TextClause] = [true()]
    if wanted.after:
        conditions.append(events.c.seq > wanted.after)
    if wanted.before:
        conditions.append(events.c.seq < wanted.before)
    if wanted.types is not None and not types <= wanted.types:
        conditions.append(events.c.type.in_(wanted.types & types))
    if wanted.trace:
        conditions.append(events.c.trace == wanted.trace)
    if wanted.q:
        if (tail := matching.tail(wanted.q, sample)) != wanted.q:
            conditions.append(events.c.body.like(matching.like(tail), escape="\\"))
        conditions.append(events.c.body.like(matching.like(wanted.q), escape="\\"))
        if matching.has_other_case(wanted.q):
            conditions.append(func.holds(events.c.body, matching.fold(wanted.q)) == 1)
    return conditions


def _storable(event: Seen) -> Seen:
    if "\x00" not in event.body:
        return event
    return msgspec.structs.replace(event, body=matching.storable(event.body))


def _size(db: Connection) -> int:
    """Bytes."""
    (pages,) = db.execute(text("PRAGMA page_count")).one()
    (page,) = db.execute(text("PRAGMA page_size")).one()
    return int(pages * page)


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.create_function("holds", 2, matching.holds, deterministic=True)
    for pragma in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA cache_size = -2048",
        "PRAGMA mmap_size = 268435456",
    ):
        connection.execute(pragma)
