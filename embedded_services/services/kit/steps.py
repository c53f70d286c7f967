"""A service's share in sagas: an action, and the compensation that undoes it, each of which has its effect once.

Only the orchestrator may ask for them. An action's Idempotency-Key is `<saga>:<step>:do`, its compensation's
`<saga>:<step>:undo`. A compensation forbids its action under the action's own key, so that a call which was on its way
for long finds nothing to do. Outcome, key and events are one transaction.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, insert, select

from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.endpoints import Answer, Ask
from embedded_services.services.kit.idempotency import once

_DO: Final = ":do"
_UNDO: Final = ":undo"
_FORBIDDEN: Final = b"forbidden"
"""In place of the fingerprint of an action that was undone before it arrived."""


def act(
    connection: Connection, keys: Table, ask: Ask[object], now: float, work: Callable[[], Answer]
) -> Answer:
    """What the action answers, the first time and again. Raises ApiError CONFLICT if it has been undone."""
    key = _key(ask, _DO)
    stored = connection.execute(select(keys.c.fingerprint).where(_row(keys, key))).scalar_one_or_none()
    if stored == _FORBIDDEN:
        raise ApiError("CONFLICT", "This step was undone before it arrived")
    return once(connection, keys, ask, now, work)


def undo(
    connection: Connection, keys: Table, ask: Ask[object], now: float, work: Callable[[], Answer]
) -> Answer:
    """`work` undoes what there is, be it nothing; the action can have no effect from now on."""
    key = _key(ask, _UNDO).removesuffix(_UNDO) + _DO
    stored = connection.execute(select(keys.c.fingerprint).where(_row(keys, key))).scalar_one_or_none()
    if stored is None:
        connection.execute(
            insert(keys).values(
                user_id=ORCHESTRATOR,
                key=key,
                fingerprint=_FORBIDDEN,
                status=409,
                content=b"",
                headers=b"{}",
                created_at=now,
            )
        )
    return once(connection, keys, ask, now, work)


def _row(keys: Table, key: str) -> ColumnElement[bool]:
    return (keys.c.user_id == ORCHESTRATOR) & (keys.c.key == key)


def _key(ask: Ask[object], ending: str) -> str:
    key = ask.idempotency_key
    if key is None or not key.endswith(ending):
        raise invalid("Idempotency-Key", f"must be a step's, <saga>:<step>{ending}")
    return key
