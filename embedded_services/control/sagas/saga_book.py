"""The sagas that the stream tells of: at most `SHOWN`, those that are under way before those that ended, the newest of
each.

The orchestrator tells what moved. What it could not tell, and what may have been lost on the way, is asked for, all that is
shown at once; between an answer and a word that cross the later one holds.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from embedded_services.contracts.agent import Beat
from embedded_services.contracts.errors import ApiError
from embedded_services.contracts.sagas import (
    ENDED,
    HoldReason,
    Saga,
    SagaCounts,
    SagaPage,
    SagaQuery,
    SagaState,
)

SHOWN: Final = 200
UNDER_WAY: Final = (SagaState.COMPENSATION_FAILED, SagaState.COMPENSATING, SagaState.RUNNING)


class SagaBook:
    def __init__(self, changed: Callable[..., None]) -> None:
        """`changed` hears the names of the stream's topics."""
        self._changed = changed
        self._rows: dict[str, Saga] = {}
        self._counts: dict[str, int] | None = None
        self._missed = 0
        self.is_stale = False
        """Whether something moved that was not told."""

    # --- reading ---

    def rows(self) -> dict[str, Saga]:
        return self._rows

    def counts(self) -> dict[str, SagaCounts]:
        if self._counts is None:
            return {}
        total = sum(self._counts.values())
        return {"sagas": SagaCounts(by_state=self._counts, total=total, missed=self._missed)}

    # --- what is told ---

    def report(self, beat: Beat) -> None:
        """What the orchestrator said of itself."""
        if beat.sagas_anew:
            self.is_stale = True
        if beat.saga_counts is not None and beat.saga_counts != self._counts:
            self._counts = beat.saga_counts
            self._changed("saga-counts")
        if beat.sagas_missed:
            self._missed += beat.sagas_missed
            self.is_stale = True
            self._changed("saga-counts")
        if beat.sagas:
            self._put([*self._rows.values(), *beat.sagas])

    async def refresh(self, page: Callable[[SagaQuery], Awaitable[SagaPage]]) -> None:
        """All that is to be shown, as the orchestrator has it now. Raises ApiError; then it is as stale as before."""
        self.is_stale = False
        asked = {saga.id: saga for saga in self._rows.values()}
        found: list[Saga] = []
        try:
            for state in (None, *UNDER_WAY):
                found += (await page(SagaQuery(state=state, limit=SHOWN))).items
        except ApiError:
            self.is_stale = True
            raise
        # What moved while we asked is told by what came meanwhile; of the rest the answer holds.
        meanwhile = [saga for saga in self._rows.values() if asked.get(saga.id) is not saga]
        self._put([*found, *meanwhile])

    def _put(self, sagas: Iterable[Saga]) -> None:
        latest: dict[str, Saga] = {}
        for saga in sagas:
            known = latest.get(saga.id)
            if known is None or known.updated_at <= saga.updated_at:
                latest[saga.id] = saga
        kept = sorted(latest.values(), key=_rank, reverse=True)[:SHOWN]
        kept.sort(key=lambda saga: saga.seq, reverse=True)
        self._rows = {saga.id: saga for saga in kept}
        self._changed("sagas")


def _rank(saga: Saga) -> tuple[bool, bool, int]:
    """What waits for a person is shown before all else."""
    waits = saga.hold is not None and saga.hold.reason is not HoldReason.SERVICE
    return waits, saga.state not in ENDED, saga.seq
