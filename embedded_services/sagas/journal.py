"""The orchestrator's journal: every transition of every saga, on disk before its effect.

One commit a turn of the loop serves all sagas that moved in it (`synchronous=FULL`). A saga is a row with its present
state, and lines that only ever grow; events that others are to hear of wait in an outbox in the same file.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from embedded_services.contracts.sagas import Entry, SagaState
from embedded_services.sagas.machine import FINAL, Noted, Run

VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE sagas (seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, "
    "open INTEGER NOT NULL, started_at REAL NOT NULL, updated_at REAL NOT NULL, lines INTEGER NOT NULL, run BLOB NOT NULL, "
    "said TEXT NOT NULL)",
    "CREATE INDEX sagas_by_state ON sagas (state, seq)",
    "CREATE INDEX open_sagas ON sagas (seq) WHERE open = 1",
    "CREATE TABLE journal (saga INTEGER NOT NULL, line INTEGER NOT NULL, at REAL NOT NULL, what TEXT NOT NULL, step TEXT, "
    "detail TEXT NOT NULL, PRIMARY KEY (saga, line)) WITHOUT ROWID",
    "CREATE TABLE requests (key TEXT PRIMARY KEY, digest BLOB NOT NULL, saga TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, saga TEXT NOT NULL, type TEXT NOT NULL, data BLOB NOT NULL, "
    "trace TEXT NOT NULL, at REAL NOT NULL)",
)
_UPSERT: Final = (
    "INSERT INTO sagas (seq, id, name, state, open, started_at, updated_at, lines, run, said) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO UPDATE SET state = excluded.state, open = excluded.open, "
    "updated_at = excluded.updated_at, lines = excluded.lines, run = excluded.run"
)

_encode: Final = msgspec.json.Encoder().encode
_decode_run: Final = msgspec.json.Decoder(Run).decode


@dataclass(frozen=True, slots=True)
class Stored:
    """A saga as it lies in the journal; `seq` counts all there ever were."""

    seq: int
    run: Run
    lines: int
    updated_at: float


class Journal:
    """Changes gather until `commit`. Raises sqlite3.Error; what could not be written is kept and tried again."""

    def __init__(self, path: Path) -> None:
        self._db = db = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -8192"):
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
        self._last = int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM sagas").fetchone()[0])
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._lines: list[tuple[Any, ...]] = []
        self._requests: list[tuple[str, bytes, str]] = []
        self._told: list[tuple[Any, ...]] = []

    def close(self) -> None:
        self.commit()
        self._db.close()

    # --- writing ---

    @property
    def has_news(self) -> bool:
        return bool(self._rows or self._lines or self._requests or self._told)

    def next_seq(self) -> int:
        self._last += 1
        return self._last

    def put(self, stored: Stored, entries: Sequence[Noted]) -> Stored:
        """A saga after a transition, with the lines that the transition wrote. True after the next commit."""
        run, at = stored.run, stored.updated_at
        self._lines += (
            (stored.seq, stored.lines + number, at, entry.what, entry.step, entry.detail)
            for number, entry in enumerate(entries, 1)
        )
        after = Stored(stored.seq, run, stored.lines + len(entries), at)
        self._rows[stored.seq] = (
            stored.seq,
            run.id,
            run.name,
            run.state.value,
            run.state not in FINAL,
            run.started_at,
            at,
            after.lines,
            _encode(run),
            _searchable(run),
        )
        return after

    def remember_request(self, key: str, digest: bytes, saga: str) -> None:
        """A saga was started under an Idempotency-Key."""
        self._requests.append((key, digest, saga))

    def tell(self, saga: str, type_: str, data: object, trace: str, at: float) -> None:
        """An event that is to be published once the transition is on disk."""
        self._told.append((saga, type_, _encode(data), trace, at))

    def commit(self) -> None:
        """Make all of it true at once."""
        if not self.has_news:
            return
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany(_UPSERT, self._rows.values())
            db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", self._lines)
            db.executemany("INSERT INTO requests VALUES (?, ?, ?)", self._requests)
            db.executemany(
                "INSERT INTO outbox (saga, type, data, trace, at) VALUES (?, ?, ?, ?, ?)", self._told
            )
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._rows.clear()
        self._lines.clear()
        self._requests.clear()
        self._told.clear()

    # --- reading: what was committed ---

    def unfinished(self) -> Iterator[Stored]:
        """Every saga that has not ended, the oldest first."""
        for row in self._db.execute(
            "SELECT seq, run, lines, updated_at FROM sagas WHERE open = 1 ORDER BY seq"
        ):
            yield _stored(row)

    def find(self, id_: str) -> Stored | None:
        row = self._db.execute(
            "SELECT seq, run, lines, updated_at FROM sagas WHERE id = ?", (id_,)
        ).fetchone()
        return None if row is None else _stored(row)

    def lines_of(self, seq: int) -> list[Entry]:
        rows = self._db.execute(
            "SELECT line, at, what, step, detail FROM journal WHERE saga = ? ORDER BY line", (seq,)
        )
        return [
            Entry(seq=line, at=at, what=what, step=step, detail=detail)
            for line, at, what, step, detail in rows
        ]

    def page(self, state: SagaState | None, text: str, before: int, limit: int) -> list[Stored]:
        """The newest sagas older than number `before` (0: all), in a state, with `text` in their id or data."""
        wanted = ["seq < ?"]
        values: list[Any] = [before or self._last + 1]
        if state is not None:
            wanted.append("state = ?")
            values.append(state.value)
        if text:
            wanted.append("said LIKE ? ESCAPE '\\'")
            values.append("%" + "".join(f"\\{c}" if c in "\\%_" else c for c in text) + "%")
        where = " AND ".join(wanted)
        rows = self._db.execute(
            f"SELECT seq, run, lines, updated_at FROM sagas WHERE {where} ORDER BY seq DESC LIMIT ?",  # noqa: S608 - the conditions are ours, the values are bound
            [*values, limit],
        )
        return [_stored(row) for row in rows]

    def counts(self) -> dict[SagaState, int]:
        rows = self._db.execute("SELECT state, COUNT(*) FROM sagas GROUP BY state")
        return {SagaState(state): count for state, count in rows}

    def started_by(self, key: str) -> tuple[bytes, str] | None:
        """The digest of the request that used this Idempotency-Key, and the saga it started."""
        row = self._db.execute("SELECT digest, saga FROM requests WHERE key = ?", (key,)).fetchone()
        return None if row is None else (row[0], row[1])

    # --- the outbox ---

    def waiting(self, limit: int) -> list[tuple[int, str, bytes, str, float]]:
        """`(seq, type, data, trace, at)` of the oldest events that are not published."""
        return self._db.execute(
            "SELECT seq, type, data, trace, at FROM outbox ORDER BY seq LIMIT ?", (limit,)
        ).fetchall()

    def published(self, seqs: Sequence[int]) -> None:
        self._db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])


def _stored(row: tuple[int, bytes, int, float]) -> Stored:
    seq, run, lines, updated_at = row
    return Stored(seq, _decode_run(run), lines, updated_at)


def _searchable(run: Run) -> str:
    """What a filter looks for: the id, the name and the data it was started with."""
    return f"{run.id} {run.name} {_encode(run.data).decode()}"[:2_000]
