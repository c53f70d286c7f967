"""The outbox: events written in the transaction of the change that they tell of.

Each instance relays the rows that it wrote itself, in their order. A row stays until the broker has confirmed the
message; so an event may be told twice, but never not at all.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from embedded_services.bus.names import EXCHANGE
from embedded_services.common.clock import iso_utc
from embedded_services.common.ids import new_id
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.events import Envelope

BATCH: Final = 200

current_trace: ContextVar[str] = ContextVar("current_trace", default="")
"""The `traceparent` of what is being worked on: events written meanwhile belong to it."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def outbox_table(metadata: MetaData) -> Table:
    """`exchange` is empty for a message to a queue. `not_before` is seconds since the epoch, null for at once."""
    table = Table(
        "outbox",
        metadata,
        Column("seq", Integer, primary_key=True),
        Column("writer", String(60), nullable=False),
        Column("message_id", String(100), nullable=False),
        Column("exchange", String(255), nullable=False),
        Column("routing_key", String(255), nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("traceparent", String(60), nullable=False),
        Column("created_at", Float, nullable=False),
        Column("not_before", Float),
        sqlite_autoincrement=True,
    )
    Index("outbox_of_writer", table.c.writer, table.c.seq)
    delayed = table.c.not_before.is_not(None)
    Index(
        "outbox_delayed",
        table.c.writer,
        table.c.not_before,
        sqlite_where=delayed,
        postgresql_where=delayed,
    )
    return table


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that waits to be relayed."""

    seq: int
    message_id: str
    exchange: str
    routing_key: str
    body: bytes
    traceparent: str
    created_at: float


@dataclass(frozen=True)
class Waiting:
    """`due` can be relayed now; `next_at` is when the next delayed one can, seconds since the epoch."""

    due: list[Parcel]
    next_at: float | None


@dataclass(frozen=True)
class Backlog:
    """What a writer has not told: how much is due, how much is not yet, and since when the oldest of what is due waits."""

    due: int
    delayed: int
    oldest_at: float | None


class Outbox:
    """The outbox of one instance of a service: `writer` is its slot, `source` the service's name."""

    def __init__(self, table: Table, source: str, writer: str) -> None:
        self._table = table
        self._source = source
        self._writer = writer
        self._add = Prepared(insert(table))
        rows = table.c
        mine = rows.writer == bindparam("writer")
        is_due = rows.not_before.is_(None) | (rows.not_before <= bindparam("now"))
        self._due = Prepared(select(table).where(mine, is_due).order_by(rows.seq).limit(BATCH))
        self._next = Prepared(
            select(func.min(rows.not_before)).where(mine, rows.not_before > bindparam("now"))
        )
        self._remove = Prepared(delete(table).where(rows.seq == bindparam("of_seq")))
        self._writers = select(rows.writer).distinct()
        later = func.count(rows.not_before).filter(rows.not_before > bindparam("now"))
        oldest = func.min(rows.created_at).filter(is_due)
        self._backlog = select(rows.writer, func.count(), later, oldest).group_by(rows.writer)
        self._added = False

    @property
    def writer(self) -> str:
        return self._writer

    def publish(
        self, connection: Connection, type_: str, data: Mapping[str, Any], now: float, *, delay_s: float = 0.0
    ) -> str:
        """Tell all who want to know, once this transaction is committed. Returns the message's id."""
        row = self._row(EXCHANGE, type_, type_, data, now, delay_s)
        self._put(connection, [row])
        return str(row["message_id"])

    def publish_all(
        self, connection: Connection, events: Iterable[tuple[str, Mapping[str, Any]]], now: float
    ) -> None:
        """Types and data, in their order."""
        self._put(connection, [self._row(EXCHANGE, type_, type_, data, now, 0.0) for type_, data in events])

    def send(
        self,
        connection: Connection,
        queue: str,
        type_: str,
        data: Mapping[str, Any],
        now: float,
        *,
        delay_s: float = 0.0,
    ) -> str:
        """Tell one queue, whoever else may want to know. Returns the message's id."""
        row = self._row("", queue, type_, data, now, delay_s)
        self._put(connection, [row])
        return str(row["message_id"])

    def _row(
        self, exchange: str, routing_key: str, type_: str, data: Mapping[str, Any], now: float, delay_s: float
    ) -> dict[str, Any]:
        message_id = new_id("msg")
        envelope = Envelope(
            type=type_, data=dict(data), source=self._source, timestamp=iso_utc(now), message_id=message_id
        )
        return {
            "writer": self._writer,
            "message_id": message_id,
            "exchange": exchange,
            "routing_key": routing_key,
            "body": _encode(envelope),
            "traceparent": current_trace.get(),
            "created_at": now,
            "not_before": now + delay_s if delay_s > 0 else None,
        }

    def _put(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._added = True
            self._add.run_each(connection, rows)

    # --- for the relay ---

    def waiting(self, connection: Connection, writer: str, now: float) -> Waiting:
        """The oldest parcels of a writer, at most `BATCH`, in order."""
        asked = {"writer": writer, "now": now}
        due = [
            Parcel(
                row.seq,
                row.message_id,
                row.exchange,
                row.routing_key,
                row.body,
                row.traceparent,
                row.created_at,
            )
            for row in self._due.rows(connection, asked)
        ]
        return Waiting(due, self._next.value(connection, asked))

    def remove(self, connection: Connection, seqs: list[int]) -> None:
        """They were confirmed."""
        self._remove.run_each(connection, [{"of_seq": seq} for seq in seqs])

    def took_any(self) -> bool:
        """Whether anything was added since this was last asked. In the thread that writes."""
        added, self._added = self._added, False
        return added

    def writers(self, connection: Connection) -> set[str]:
        """Who has parcels waiting."""
        return set(connection.execute(self._writers).scalars())

    def backlog(self, connection: Connection, now: float) -> dict[str, Backlog]:
        return {
            writer: Backlog(count - later, later, oldest)
            for writer, count, later, oldest in connection.execute(self._backlog, {"now": now})
        }
