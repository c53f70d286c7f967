"""What the order service does when it hears of payments: it keeps what it hears, and a confirmed order becomes `paid`."""

from collections.abc import Mapping

from sqlalchemy import Connection

from embedded_services.bus.outbox import Outbox
from embedded_services.bus.subscriber import Arrived
from embedded_services.common.clock import Clock
from embedded_services.services.kit.events import Effect, Reaction
from embedded_services.services.order.moves import OrderStatus
from embedded_services.services.order.moving import move
from embedded_services.services.order.paying import payment_of, read_payment, record_payment
from embedded_services.services.order.shown import find_or_none
from embedded_services.services.order.subscriptions import BOUND


class Reactions:
    def __init__(self, clock: Clock, outbox: Outbox) -> None:
        self._clock = clock
        self._outbox = outbox

    @property
    def table(self) -> Mapping[str, Reaction]:
        return dict.fromkeys(BOUND, self.payment)

    async def payment(self, arrived: Arrived) -> Effect:
        told, amount = read_payment(arrived.event.data)
        now = self._clock.now()

        def effect(connection: Connection) -> None:
            if not record_payment(connection, told, amount, now):
                return
            order = find_or_none(connection, told.order_id, lock=True)
            if order is None or order.status != OrderStatus.CONFIRMED:
                return
            paid_with = payment_of(connection, order)
            if paid_with is not None:
                move(connection, self._outbox, order, OrderStatus.PAID, now, paid_with)

        return effect
