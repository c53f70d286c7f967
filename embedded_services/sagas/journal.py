"""The orchestrator's journal: every transition of every saga, on disk before its effect.

One commit a turn of the loop serves all sagas that moved in it (`synchronous=FULL`). A saga is a short row to find it by,
its present state beside that, and lines that only ever grow; events that others are to hear of wait in an outbox in the
same file.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from embedded_services.common.write_ahead_log import extend_log
from embedded_services.contracts.sagas import Entry, SagaState
from embedded_services.sagas.run import FINAL, Run
from embedded_services.sagas.signals import Noted

VERSION: Final = 1
SAID_MAX: Final = 400
_SCHEMA: Final = (
    "CREATE TABLE sagas (seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, "
    "open INTEGER NOT NULL, started_at REAL NOT NULL, updated_at REAL NOT NULL, lines INTEGER NOT NULL, said TEXT NOT NULL, "
    "failure TEXT NOT NULL)",
    "CREATE INDEX sagas_by_state ON sagas (state, seq)",
    "CREATE INDEX open_sagas ON sagas (seq) WHERE open = 1",
    "CREATE TABLE runs (seq INTEGER PRIMARY KEY, run BLOB NOT NULL)",
    "CREATE TABLE journal (saga INTEGER NOT NULL, line INTEGER NOT NULL, at REAL NOT NULL, what TEXT NOT NULL, step TEXT, "
    "detail TEXT NOT NULL, PRIMARY KEY (saga, line)) WITHOUT ROWID",
    "CREATE TABLE requests (key TEXT PRIMARY KEY, digest BLOB NOT NULL, saga TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, message TEXT NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL, "
    "trace TEXT NOT NULL, at REAL NOT NULL)",
)
_UPSERT: Final = (
    "INSERT INTO sagas (seq, id, name, state, open, started_at, updated_at, lines, said, failure) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO UPDATE SET state = excluded.state, open = excluded.open, "
    "updated_at = excluded.updated_at, lines = excluded.lines, failure = excluded.failure"
)
_UPSERT_RUN: Final = "INSERT INTO runs VALUES (?, ?) ON CONFLICT (seq) DO UPDATE SET run = excluded.run"
_SELECT: Final = (
    "SELECT s.seq, r.run, l.line, l.at FROM sagas s JOIN runs r ON r.seq = s.seq JOIN journal l ON l.saga = s.seq "
    "AND l.line = (SELECT MAX(line) FROM journal WHERE saga = s.seq) "
)
"""How far a saga has come is told by its last line: its row to find it by is written only when its state turns."""

CHECKPOINT_PAGES: Final = 1_000
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "cache_size = -8192",
    f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
)

_encode: Final = msgspec.json.Encoder().encode
_decode_run: Final = msgspec.json.Decoder(Run).decode


class Stored(Struct, frozen=True):
    """A saga as it lies in the journal; `seq` counts all there ever were. `updated_at` is when its last line was written."""

    seq: int
    run: Run
    lines: int
    updated_at: float


class Told(Struct, frozen=True):
    """An event that waits to be published; `body` is its envelope."""

    seq: int
    message: str
    type: str
    body: bytes
    trace: str
    at: float


@dataclass
class Batch:
    """Changes that become true together."""

    rows: dict[int, Stored] = field(default_factory=dict)
    said: dict[int, str] = field(default_factory=dict)
    turned: set[int] = field(default_factory=set)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    requests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    published: list[tuple[int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows or self.lines or self.requests or self.told or self.published)

    def and_then(self, later: "Batch") -> "Batch":
        return Batch(
            self.rows | later.rows,
            self.said | later.said,
            self.turned | later.turned,
            self.lines + later.lines,
            self.requests | later.requests,
            self.told + later.told,
            self.published + later.published,
        )


class Journal:
    """Changes gather until they are taken and written, one batch at a time, which may be done in another thread. What could
    not be written is put back, to be written with what came meanwhile. Raises sqlite3.Error, the constructor also OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = db = sqlite3.connect(
            path, isolation_level=None, cached_statements=64, check_same_thread=False
        )
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"{path} has version {version}, and this program knows {VERSION}")
        extend_log(path, CHECKPOINT_PAGES)
        self._last = int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM sagas").fetchone()[0])
        self._last_told = int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM outbox").fetchone()[0])
        self._reader = sqlite3.connect(path, isolation_level=None)
        self._reader.execute("PRAGMA query_only = ON")
        self._gathered = Batch()
        self._taken = Batch()

    def close(self) -> None:
        """Everything must have been written, or is lost as in a crash."""
        self._reader.close()
        self._db.close()

    # --- writing ---

    def next_seq(self) -> int:
        self._last += 1
        return self._last

    def put(self, stored: Stored, entries: Sequence[Noted], *, turned: bool = True) -> Stored:
        """A saga after a transition, with the lines that the transition wrote, the first time at least one. `turned`
        unless its state is what it was. True after the next commit."""
        run, at = stored.run, stored.updated_at
        self._gathered.lines += (
            (stored.seq, stored.lines + number, at, entry.what, entry.step, entry.detail)
            for number, entry in enumerate(entries, 1)
        )
        if stored.lines == 0:
            self._gathered.said[stored.seq] = _searchable(run)
        after = Stored(stored.seq, run, stored.lines + len(entries), at)
        self._gathered.rows[stored.seq] = after
        if turned:
            self._gathered.turned.add(stored.seq)
        return after

    def remember_request(self, key: str, digest: bytes, saga: str) -> None:
        """A saga was started under an Idempotency-Key."""
        self._gathered.requests[key] = (digest, saga)

    def tell(self, message: str, type_: str, body: bytes, trace: str, at: float) -> None:
        """An event that is to be published once the transition is on disk; `message` is its id."""
        self._last_told += 1  # never again in this process: the relay remembers numbers
        self._gathered.told.append((self._last_told, message, type_, body, trace, at))

    def take(self) -> Batch:
        """What has gathered, to be written; what comes now gathers anew."""
        self._taken, self._gathered = self._gathered, Batch()
        return self._taken

    def put_back(self) -> None:
        """What was taken could not be written."""
        self._gathered = self._taken.and_then(self._gathered)
        self._taken = Batch()

    def commit(self) -> None:
        """Make all of it true at once. Not while a batch is being written elsewhere."""
        batch = self.take()
        try:
            self.write(batch)
        except sqlite3.Error:
            self.put_back()
            raise

    def write(self, batch: Batch) -> None:
        if not batch:
            return
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in _statements(batch):
                if values:
                    db.executemany(statement, values)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    # --- reading ---

    def unfinished(self, after: int, limit: int) -> list[Stored]:
        """Sagas that had not ended at the last commit, the oldest first, those numbered above `after`."""
        rows = self._reader.execute(
            f"{_SELECT} WHERE s.open = 1 AND s.seq > ? ORDER BY s.seq LIMIT ?", (after, limit)
        )
        return [stored_of(row) for row in rows]

    def find(self, id_: str) -> Stored | None:
        """As it was at the last commit."""
        row = self._reader.execute(f"{_SELECT} WHERE s.id = ?", (id_,)).fetchone()
        return None if row is None else stored_of(row)

    def started_by(self, key: str) -> tuple[bytes, str] | None:
        """The digest of the request that used this Idempotency-Key, and the saga it started, committed or not."""
        for batch in (self._gathered, self._taken):
            if (found := batch.requests.get(key)) is not None:
                return found
        row = self._reader.execute("SELECT digest, saga FROM requests WHERE key = ?", (key,)).fetchone()
        return None if row is None else (row[0], row[1])

    # --- the outbox ---

    def waiting(self, limit: int) -> list[Told]:
        """The oldest events that are not published."""
        rows = self._reader.execute(
            "SELECT seq, message, type, body, trace, at FROM outbox ORDER BY seq LIMIT ?", (limit,)
        )
        return [Told(*row) for row in rows]

    def published(self, seqs: Sequence[int]) -> None:
        """They need not be published any more, once this is written."""
        self._gathered.published += ((seq,) for seq in seqs)

    def backlog(self) -> tuple[int, float | None]:
        """How many events wait, and since when the oldest does."""
        count, oldest = self._reader.execute("SELECT COUNT(*), MIN(at) FROM outbox").fetchone()
        return count, oldest


class Shelf:
    """The journal for those who only look: a connection of its own, which may be used from any one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        self._db.close()

    def lines_of(self, seq: int) -> list[Entry]:
        rows = self._db.execute(
            "SELECT line, at, what, step, detail FROM journal WHERE saga = ? ORDER BY line", (seq,)
        )
        return [
            Entry(seq=line, at=at, what=what, step=step, detail=detail)
            for line, at, what, step, detail in rows
        ]

    def page(self, wanted: "Wanted", limit: int) -> list[Stored]:
        """The newest sagas that are wanted."""
        where, values = wanted.condition()
        # The short rows alone are searched; only what is found is read whole.
        found = f"SELECT seq FROM sagas WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - the conditions are ours, the values are bound
        rows = self._db.execute(f"{_SELECT} WHERE s.seq IN ({found}) ORDER BY s.seq DESC", [*values, limit])
        return [stored_of(row) for row in rows]

    def ended_since(self, at: float, limit: int) -> list[Stored]:
        """The newest of those that ended at this time or later."""
        found = "SELECT seq FROM sagas WHERE open = 0 AND updated_at >= ? ORDER BY seq DESC LIMIT ?"
        rows = self._db.execute(f"{_SELECT} WHERE s.seq IN ({found})", (at, limit))
        return [stored_of(row) for row in rows]

    def counts(self) -> dict[str, int]:
        rows = self._db.execute("SELECT state, COUNT(*) FROM sagas GROUP BY state")
        return dict(rows.fetchall())


@dataclass(frozen=True)
class Wanted:
    """Which sagas are looked for: in this state, with this text in their ids, their data or what made them fail, started
    from `since` on and before `until`; numbered below `before`. Null and empty ask for all."""

    state: SagaState | None = None
    text: str = ""
    since: float | None = None
    until: float | None = None
    before: int | None = None

    def condition(self) -> tuple[str, list[Any]]:
        like = "%" + "".join(f"\\{c}" if c in "\\%_" else c for c in self.text) + "%"
        asked: list[tuple[str, list[Any]]] = [("1", [])]
        if self.state is not None:
            asked.append(("state = ?", [self.state.value]))
        if self.text:
            asked.append(("(said LIKE ? ESCAPE '\\' OR failure LIKE ? ESCAPE '\\')", [like, like]))
        if self.since is not None:
            asked.append(("started_at >= ?", [self.since]))
        if self.until is not None:
            asked.append(("started_at < ?", [self.until]))
        if self.before is not None:
            asked.append(("seq < ?", [self.before]))
        return " AND ".join(part for part, _ in asked), [value for _, values in asked for value in values]


def stored_of(row: tuple[int, bytes, int, float]) -> Stored:
    seq, run, lines, updated_at = row
    return Stored(seq, _decode_run(run), lines, updated_at)


def _statements(batch: Batch) -> Iterator[tuple[str, Sequence[tuple[Any, ...]]]]:
    rows, turned = batch.rows.values(), batch.turned
    yield _UPSERT, [_row(stored, batch) for stored in rows if stored.seq in turned]
    yield _UPSERT_RUN, [(stored.seq, _encode(stored.run)) for stored in rows]
    yield "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", batch.lines
    yield (
        "INSERT INTO requests VALUES (?, ?, ?)",
        [(key, digest, saga) for key, (digest, saga) in batch.requests.items()],
    )
    yield "INSERT INTO outbox (seq, message, type, body, trace, at) VALUES (?, ?, ?, ?, ?, ?)", batch.told
    yield "DELETE FROM outbox WHERE seq = ?", batch.published


def _row(stored: Stored, batch: Batch) -> tuple[Any, ...]:
    run = stored.run
    return (
        stored.seq,
        run.id,
        run.name,
        run.state.value,
        run.state not in FINAL,
        run.started_at,
        stored.updated_at,
        stored.lines,
        batch.said.get(stored.seq, ""),
        run.failure,
    )


def _searchable(run: Run) -> str:
    """What a filter looks through: the id, the name, and the texts in the data that it was started with."""
    texts = [run.id, run.name, *_texts(run.data)]
    return " ".join(dict.fromkeys(texts))[:SAID_MAX]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
