"""The inbox: which messages were handled, so that one that comes again has no second effect.

Written in the transaction of the effect: either both happened or neither did.
"""

from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
)

from embedded_services.common.prepared import Prepared

KEPT_S: Final = 7 * 24 * 3600.0
"""How long a message is remembered: far longer than anything repeats one."""


def inbox_table(metadata: MetaData) -> Table:
    table = Table(
        "inbox",
        metadata,
        Column("message_id", String(100), primary_key=True),
        Column("handled_at", Float, nullable=False),
    )
    Index("inbox_by_age", table.c.handled_at)
    return table


class Inbox:
    def __init__(self, table: Table) -> None:
        self._find = Prepared(select(table.c.message_id).where(table.c.message_id == bindparam("id")))
        self._add = Prepared(insert(table))
        self._old = delete(table).where(table.c.handled_at < bindparam("before"))

    def is_new(self, connection: Connection, message_id: str, now: float) -> bool:
        """Whether this message was never handled before; from now on it was."""
        if self._find.value(connection, {"id": message_id}) is not None:
            return False
        self._add.run(connection, {"message_id": message_id, "handled_at": now})
        return True

    def forget_old(self, connection: Connection, now: float) -> None:
        connection.execute(self._old, {"before": now - KEPT_S})
