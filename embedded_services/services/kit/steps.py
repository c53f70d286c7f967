"""A service's share in sagas: an action, and the compensation that undoes it, each of which has its effect once.

Only the orchestrator may ask for them. An action's Idempotency-Key is `<saga>:<step>:do`, its compensation's
`<saga>:<step>:undo`. A compensation forbids its action under the action's own key, so that a call which was on its way
for long finds nothing to do. Outcome, key and events are one transaction.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from sqlalchemy import Connection, Table

from embedded_services.common.clock import Clock
from embedded_services.contracts.sagas import ORCHESTRATOR
from embedded_services.contracts.validation import invalid
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Answer, Ask
from embedded_services.services.kit.idempotency import forbid, once

_DO: Final = ":do"
_UNDO: Final = ":undo"


Work: TypeAlias = Callable[[Connection, float], Answer]
"""What a step does, within its transaction, at this time."""


class SagaSteps:
    """`keys` are the service's idempotency keys."""

    def __init__(self, database: Database, keys: Table, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    async def act(self, ask: Ask[object], work: Work) -> Answer:
        """What the action answers, the first time and again. Raises ApiError CONFLICT if it has been undone."""
        now = self._clock.now()
        _check_key(ask, _DO)
        return await self._database.transact(
            lambda connection: once(connection, self._keys, ask, now, lambda: work(connection, now))
        )

    async def undo(self, ask: Ask[object], work: Work) -> Answer:
        """`work` undoes what there is, be it nothing; the action can have no effect from now on."""
        now = self._clock.now()
        key = _check_key(ask, _UNDO)

        def undoing(connection: Connection) -> Answer:
            forbid(connection, self._keys, ORCHESTRATOR, key.removesuffix(_UNDO) + _DO, now)
            return once(connection, self._keys, ask, now, lambda: work(connection, now))

        return await self._database.transact(undoing)


def _check_key(ask: Ask[object], ending: str) -> str:
    key = ask.idempotency_key
    if key is None or not key.endswith(ending):
        raise invalid("Idempotency-Key", f"must be a step's, <saga>:<step>{ending}")
    return key
