"""Sending what is stored, exactly once as far as the other side lets us.

A delivery is claimed in a transaction, sent outside of any, and marked in another: `pending → sent | failed`. Whoever finds
it `sent` does nothing; whoever finds it claimed waits for the outcome. What is left is the moment between the other side's
yes and our mark: an instance that is killed there, or hears no answer, sends again. Then the other side gets it twice with
one and the same `Message-ID` (`Idempotency-Key`), the notification's id, and can tell; SMTP knows no more than that.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from embedded_services.bus.subscriber import Arrived, Refused
from embedded_services.common.clock import Clock
from embedded_services.contracts.wire import Request
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.fields import Id
from embedded_services.services.notification.messages import Channel, NotificationStatus
from embedded_services.services.notification.senders import (
    Outgoing,
    Senders,
    SendFailedError,
    SendRefusedError,
)
from embedded_services.services.notification.tables import deliveries, notifications

CLAIM_S: Final = 15.0
"""How long an instance may be at it: longer than sending can take."""
LOOK_S: Final = 0.5
MAX_ERROR: Final = 500

_find = (
    select(notifications, deliveries.c.address, deliveries.c.claimed_by, deliveries.c.claimed_until)
    .join(deliveries, deliveries.c.notification_id == notifications.c.id)
    .where(notifications.c.id == bindparam("wanted"))
    .with_for_update()
)
_of = deliveries.c.notification_id == bindparam("wanted")


class DeliveryDue(Request, frozen=True):
    notification_id: Id


@dataclass(frozen=True)
class Busy:
    """Somebody else is at it, at most until then."""

    until: float


class Deliveries:
    """`incarnation` tells the processes apart that could be at it."""

    def __init__(
        self, database: Database, clock: Clock, senders: Senders, instance: str, incarnation: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._senders = senders
        self._instance = instance
        self._claimant = f"{instance}/{incarnation}"

    async def due(self, arrived: Arrived) -> bool:
        """False when it was sent before. Raises what was wrong."""
        try:
            id_ = msgspec.convert(arrived.event.data, DeliveryDue).notification_id
        except msgspec.ValidationError as error:
            raise Refused(f"not a delivery: {error}") from error
        while isinstance(claimed := await self._claim(id_, arrived.traceparent), Busy):
            await self._clock.sleep(LOOK_S)
        if claimed is None:
            return False
        sender = self._senders.find(claimed.channel)
        if sender is None:  # it was, when this was ordered
            await self._mark(id_, NotificationStatus.STORED, "")
            return True
        try:
            await sender(claimed)
        except SendRefusedError as error:
            await self._mark(id_, NotificationStatus.FAILED, str(error))
            raise Refused(str(error)) from error
        except SendFailedError as error:
            status = NotificationStatus.FAILED if arrived.last else NotificationStatus.PENDING
            await self._mark(id_, status, str(error))
            raise
        await self._mark(id_, NotificationStatus.SENT, "")
        return True

    async def _claim(self, id_: str, traceparent: str) -> Outgoing | Busy | None:
        """What is to be sent, ours to send now; None if it was sent. Raises Refused for what is not there."""
        now = self._clock.now()

        def claim(connection: Connection) -> Outgoing | Busy | None:
            row = connection.execute(_find, {"wanted": id_}).one_or_none()
            if row is None:
                raise Refused(f"there is no notification {id_} to deliver")
            if row.status in (NotificationStatus.SENT, NotificationStatus.STORED):
                return None
            # An earlier process of ours is no more; whoever else has it may be at it.
            earlier = (row.claimed_by or "").startswith(
                f"{self._instance}/"
            ) and row.claimed_by != self._claimant
            if row.claimed_until > now and not earlier:
                return Busy(row.claimed_until)
            connection.execute(
                update(deliveries)
                .where(_of)
                .values(
                    claimed_by=self._claimant,
                    claimed_until=now + CLAIM_S,
                    attempts=deliveries.c.attempts + 1,
                    updated_at=now,
                ),
                {"wanted": id_},
            )
            return Outgoing(
                id=row.id,
                channel=Channel(row.channel),
                to=row.address,
                template=row.template,
                subject=row.subject,
                body=row.body,
                created_at=row.created_at,
                traceparent=traceparent,
            )

        return await self._database.transact(claim, bounded=False)

    async def _mark(self, id_: str, status: NotificationStatus, error: str) -> None:
        now = self._clock.now()

        def mark(connection: Connection) -> None:
            connection.execute(update(notifications).where(notifications.c.id == id_).values(status=status))
            connection.execute(
                update(deliveries)
                .where(_of)
                .values(claimed_by=None, claimed_until=0.0, error=error[:MAX_ERROR], updated_at=now),
                {"wanted": id_},
            )

        await self._database.transact(mark, bounded=False)
