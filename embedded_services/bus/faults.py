"""Faults of messages: where they are published, and where they are handled.

Publishing stops before a parcel that is refused and after one whose confirmation is lost, so that the order of what one
writer tells holds under faults too. What is handled is held up, put into another order, made to fail or given twice on its
way to the handler, so that retries, dead letters and the inbox see it as if the world had done it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from embedded_services.agent.hold_ups import HoldUps
from embedded_services.bus.names import EXCHANGE
from embedded_services.bus.outbox import Parcel
from embedded_services.common.clock import Clock
from embedded_services.contracts.events import Envelope, Failure
from embedded_services.faults.armed import Hit, LocalFaults
from embedded_services.faults.params import Duplicate, HandlerFailure, PublishFailure, Reorder

MADE_TO_FAIL: Final = "made to fail by fault "
"""How the reason of an attempt begins that a fault made fail; the fault's id follows."""


class MadeToFail(Exception):  # noqa: N818 - it is what a fault did
    """A handler that a fault did not let run."""


# --- publishing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """`parcels` may be published now; the confirmation of the one with the number `unconfirmed` is lost. `struck`: others
    wait behind one that a fault struck."""

    parcels: Sequence[Parcel]
    unconfirmed: int | None = None
    struck: bool = False


class PublishFaults:
    def __init__(self, faults: LocalFaults) -> None:
        self._faults = faults

    def judge(self, parcels: Sequence[Parcel]) -> Verdict:
        """In order, up to the first one that is struck."""
        if not self._faults.has("publish-failure"):
            return Verdict(parcels)
        for at, parcel in enumerate(parcels):
            hit = self._faults.ask("publish-failure", **_facts(parcel))
            if hit is None:
                continue
            hit.affected(parcel.message_id, parcel.traceparent[3:35])
            if isinstance(hit.params, PublishFailure) and hit.params.how == "unconfirmed":
                return Verdict(parcels[: at + 1], parcel.seq, struck=True)
            return Verdict(parcels[:at], struck=True)
        return Verdict(parcels)


def _facts(parcel: Parcel) -> dict[str, str]:
    """An event is published by its type; what is sent goes to a queue by its name."""
    if parcel.exchange == EXCHANGE:
        return {"event": parcel.routing_key}
    return {"queue": parcel.routing_key}


# --- handling ---------------------------------------------------------------------------------------------------------


class HandlingFaults:
    """Of one queue. `most` messages are handled at a time, so that no more than these can change places."""

    def __init__(self, faults: LocalFaults, queue: str, most: int, clock: Clock) -> None:
        self._faults = faults
        self._queue = queue
        self._most = most
        self._holding = HoldUps(faults, clock.monotonic)
        self._turned: list[asyncio.Future[None]] = []

    async def before(self, event: Envelope, trace: str, failures: Sequence[Failure], *, copied: bool) -> int:
        """What happens to a message on its way to the handler. Returns how many copies of it are to follow. Raises MadeToFail.

        A message that is `copied` already is not copied again."""
        if not self._faults.any:
            return 0
        facts = {"queue": self._queue, "event": event.type}
        trace_id = trace[3:35]
        if (hit := self._ask("delay", facts, event, trace_id)) is not None:
            await self._holding.hold_up(hit, hit.delay_s())
        if (hit := self._ask("reorder", facts, event, trace_id)) is not None:
            await self._turn(hit)
        self._fail(facts, event, trace_id, failures)
        if not copied and (hit := self._ask("duplicate", facts, event, trace_id)) is not None:
            return hit.params.copies if isinstance(hit.params, Duplicate) else 1
        return 0

    def _ask(self, kind: str, facts: dict[str, str], event: Envelope, trace_id: str) -> Hit | None:
        hit = self._faults.ask(kind, **facts)
        if hit is not None:
            hit.affected(event.message_id, trace_id)
        return hit

    def _fail(
        self, facts: dict[str, str], event: Envelope, trace_id: str, failures: Sequence[Failure]
    ) -> None:
        """A poisoned message fails at every attempt, at whichever instance, without being drawn for again."""
        for failure in failures:
            _, made, fault = failure.reason.partition(MADE_TO_FAIL)
            poisons = self._faults.acting("handler-failure", **facts) if made else []
            if any(held.id == fault and _is_sticky(held.params) for held in poisons):
                raise MadeToFail(MADE_TO_FAIL + fault)
        if (hit := self._ask("handler-failure", facts, event, trace_id)) is not None:
            raise MadeToFail(MADE_TO_FAIL + hit.fault)

    async def _turn(self, hit: Hit) -> None:
        """Wait until so many are held back as change places, then go: the last first."""
        params = hit.params if isinstance(hit.params, Reorder) else Reorder()
        if len(self._turned) + 1 >= min(params.window, self._most):
            for waiting in reversed(self._turned):
                if not waiting.done():
                    waiting.set_result(None)
            self._turned.clear()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turned.append(turn)
        try:
            await self._holding.hold_up(hit, params.hold_ms / 1000, until=turn)
        finally:
            if turn in self._turned:
                self._turned.remove(turn)


def _is_sticky(params: object) -> bool:
    return isinstance(params, HandlerFailure) and params.sticky
