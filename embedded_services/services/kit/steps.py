"""A service's share in sagas: an action, and the compensation that undoes it, each of which has its effect once.

Only the orchestrator may ask for them. An action's Idempotency-Key is `<saga>:<step>:do`, its compensation's
`<saga>:<step>:undo`. A compensation forbids its action under the action's own key, so that a call which was on its way
for long finds nothing to do. Outcome, key and events are one transaction.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Table

from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.endpoints import Answer, Ask
from embedded_services.services.kit.idempotency import forbid, once

_DO: Final = ":do"
_UNDO: Final = ":undo"


def act(
    connection: Connection, keys: Table, ask: Ask[object], now: float, work: Callable[[], Answer]
) -> Answer:
    """What the action answers, the first time and again. Raises ApiError CONFLICT if it has been undone."""
    _check_key(ask, _DO)
    return once(connection, keys, ask, now, work)


def undo(
    connection: Connection, keys: Table, ask: Ask[object], now: float, work: Callable[[], Answer]
) -> Answer:
    """`work` undoes what there is, be it nothing; the action can have no effect from now on."""
    key = _check_key(ask, _UNDO)
    forbid(connection, keys, ORCHESTRATOR, key.removesuffix(_UNDO) + _DO, now)
    return once(connection, keys, ask, now, work)


def _check_key(ask: Ask[object], ending: str) -> str:
    key = ask.idempotency_key
    if key is None or not key.endswith(ending):
        raise invalid("Idempotency-Key", f"must be a step's, <saga>:<step>{ending}")
    return key
