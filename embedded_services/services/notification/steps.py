"""The notification service's steps of sagas: an order is confirmed to its owner, and if it comes to nothing they are told.

Whoever else confirms the same order (`order.created` is heard here, too) finds it done: of an order and a template there
is one notification.
"""

from typing import Annotated, Any, Final

from msgspec import Meta
from sqlalchemy import Connection

from embedded_services.common.clock import Clock
from embedded_services.contracts.wire import Message, Request
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Answer, Ask, Endpoint, Endpoints, answer
from embedded_services.services.kit.fields import Id
from embedded_services.services.kit.steps import SagaSteps, Work
from embedded_services.services.notification.notices import CONFIRMED, Notice, Notices
from embedded_services.services.notification.renderer import Rendered, Renderer
from embedded_services.services.notification.tables import idempotency_keys
from embedded_services.services.notification.templates import find as find_template
from embedded_services.services.notification.templates import source_of

CANCELLED: Final = "order_cancelled"


class ToConfirm(Request, frozen=True):
    """`order` is what the message tells of it."""

    order_id: Id
    user_id: Id
    order: dict[str, Any] = {}


class ToTakeBack(Request, frozen=True):
    order_id: Id
    user_id: Id
    reason: Annotated[str, Meta(max_length=2_000)] = ""


class Sent(Message, frozen=True):
    confirmation_sent: bool
    notification_id: str


class Noticed(Message, frozen=True):
    notice_id: str


class Steps:
    def __init__(self, database: Database, clock: Clock, renderer: Renderer, notices: Notices) -> None:
        self._database = database
        self._steps = SagaSteps(database, idempotency_keys, clock)
        self._renderer = renderer
        self._notices = notices

    @property
    def endpoints(self) -> Endpoints:
        return [
            Endpoint("POST", "/saga/send-confirmation", self.confirm, ToConfirm, internal=True),
            Endpoint("POST", "/saga/send-confirmation/undo", self.take_back, ToTakeBack, internal=True),
            Endpoint("POST", "/saga/send-cancellation", self.cancel, ToTakeBack, internal=True),
        ]

    async def confirm(self, ask: Ask[ToConfirm]) -> Answer:
        asked = ask.input
        data = {**asked.order, "orderId": asked.order_id}
        rendered = await self._render(CONFIRMED, data)

        def work(connection: Connection, now: float) -> Answer:
            notice = Notice(asked.user_id, CONFIRMED, rendered, asked.order_id)
            id_, _ = self._notices.keep(connection, notice, now)
            return answer(Sent(confirmation_sent=True, notification_id=id_))

        return await self._steps.act(ask, work)

    async def take_back(self, ask: Ask[ToTakeBack]) -> Answer:
        return await self._steps.undo(ask, await self._cancellation(ask))

    async def cancel(self, ask: Ask[ToTakeBack]) -> Answer:
        return await self._steps.act(ask, await self._cancellation(ask))

    async def _cancellation(self, ask: Ask[ToTakeBack]) -> Work:
        asked = ask.input
        rendered = await self._render(CANCELLED, {"orderId": asked.order_id, "reason": asked.reason})

        def work(connection: Connection, now: float) -> Answer:
            notice = Notice(asked.user_id, CANCELLED, rendered, asked.order_id)
            id_, _ = self._notices.keep(connection, notice, now)
            return answer(Noticed(notice_id=id_))

        return work

    async def _render(self, template: str, data: dict[str, Any]) -> Rendered:
        row = await self._database.read(lambda connection: find_template(connection, template))
        return await self._renderer.render(source_of(row), None, data)
