"""Idempotency keys: a request that is repeated under its key has its effect once, and the same answer each time.

The key, a fingerprint of the request and the answer are stored in the transaction of the effect, so there is no
moment at which one exists without the other. A request that failed stored nothing and may be tried again. Keys belong
to the user who sent them, and are kept as long as the data: a saga may be resumed weeks later and must not charge
twice.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
)

from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError
from embedded_services.services.kit.database import AnyRow
from embedded_services.services.kit.endpoints import Answer, Ask

REPLAYED: Final = "Idempotency-Replayed"
FORBIDDEN: Final = b"forbidden"
"""In place of the fingerprint of a request that shall have no effect any more, should it come."""

_fingerprint_encoder: Final = msgspec.json.Encoder(order="sorted")


def idempotency_table(metadata: MetaData) -> Table:
    """The table that a service which honours keys has in its schema."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("user_id", String(64), primary_key=True),
        Column("key", String(255), primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", Integer, nullable=False),
        Column("content", LargeBinary, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("created_at", Float, nullable=False),
    )


def once(
    connection: Connection,
    keys: Table,
    ask: Ask[object],
    now: float,
    work: Callable[[], Answer],
    *,
    same: object = None,
) -> Answer:
    """What `work` answers, or the answer that it gave when it was first asked under this key.

    `same` is what makes two requests the same, by default the whole request. Raises ApiError IDEMPOTENCY_KEY_REUSED
    when the key was used for another request.
    """
    if ask.idempotency_key is None:
        return work()
    fingerprint = _fingerprint(ask, ask.input if same is None else same)
    stored = find_key(connection, keys, ask.caller.id, ask.idempotency_key)
    if stored is not None:
        if stored.fingerprint == FORBIDDEN:
            raise ApiError("CONFLICT", "This was undone before it arrived")
        if stored.fingerprint != fingerprint:
            raise ApiError("IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was sent with another request")
        headers = msgspec.json.decode(stored.headers, type=dict[str, str])
        return Answer(stored.status, stored.content, headers | {REPLAYED: "true"})
    given = work()
    _statements(keys)[1].run(
        connection,
        {
            "user_id": ask.caller.id,
            "key": ask.idempotency_key,
            "fingerprint": fingerprint,
            "status": given.status,
            "content": given.content,
            "headers": msgspec.json.encode(given.headers),
            "created_at": now,
        },
    )
    return given


def forbid(connection: Connection, keys: Table, user_id: str, key: str, now: float) -> None:
    """Refuse what may yet be asked under this key, unless it has been."""
    if find_key(connection, keys, user_id, key) is None:
        _statements(keys)[1].run(
            connection,
            {
                "user_id": user_id,
                "key": key,
                "fingerprint": FORBIDDEN,
                "status": 409,
                "content": b"",
                "headers": b"{}",
                "created_at": now,
            },
        )


def find_key(connection: Connection, keys: Table, user_id: str, key: str) -> AnyRow | None:
    return _statements(keys)[0].row(connection, {"by_user": user_id, "by_key": key})


@cache
def _statements(keys: Table) -> tuple[Prepared, Prepared]:
    found = select(keys.c.fingerprint, keys.c.status, keys.c.content, keys.c.headers).where(
        keys.c.user_id == bindparam("by_user"), keys.c.key == bindparam("by_key")
    )
    return Prepared(found), Prepared(insert(keys))


def _fingerprint(ask: Ask[object], same: object) -> bytes:
    whole = _fingerprint_encoder.encode([ask.method, ask.path, same])
    return hashlib.sha256(whole).digest()
