"""What the payment service does when it hears that an order was cancelled: it gives back what was paid.

That is noted in the transaction of the refund. A payment is either there by then, and is given back, or comes later, and is
refused: whichever way they meet, no money is kept.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, bindparam, select

from embedded_services.bus.outbox import Outbox
from embedded_services.bus.subscriber import Arrived, Refused
from embedded_services.common.clock import Clock
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.wire import Request
from embedded_services.services.kit.events import Effect, Reaction
from embedded_services.services.kit.fields import Id
from embedded_services.services.payment.cancelled import REASON, note_cancelled
from embedded_services.services.payment.messages import PaymentStatus
from embedded_services.services.payment.refunds import refund_rest
from embedded_services.services.payment.subscriptions import ORDER_CANCELLED
from embedded_services.services.payment.tables import payments

_paid = Prepared(
    select(payments)
    .where(payments.c.order_id == bindparam("order"), payments.c.status != PaymentStatus.FAILED.value)
    .order_by(payments.c.seq)
    .with_for_update()
)


class CancelledTold(Request, frozen=True, forbid_unknown_fields=False):
    """Of a cancelled order, what is needed here."""

    id: Id


class Reactions:
    def __init__(self, clock: Clock, outbox: Outbox) -> None:
        self._clock = clock
        self._outbox = outbox

    @property
    def table(self) -> Mapping[str, Reaction]:
        return {ORDER_CANCELLED: self.order_cancelled}

    async def order_cancelled(self, arrived: Arrived) -> Effect:
        try:
            order_id = msgspec.convert(arrived.event.data, CancelledTold).id
        except msgspec.ValidationError as error:
            raise Refused(f"not an order: {error}") from error
        now = self._clock.now()

        def effect(connection: Connection) -> None:
            note_cancelled(connection, order_id, now)
            for payment in _paid.rows(connection, {"order": order_id}):
                refund_rest(connection, self._outbox, payment, REASON, now)

        return effect
