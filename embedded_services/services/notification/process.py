"""The notification service's process: notifications and their templates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from embedded_services.agent.context import ChildContext
from embedded_services.common.clock import Clock
from embedded_services.contracts.agent import Policies
from embedded_services.contracts.settings import DeliverySettings
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Endpoint, Endpoints, Nothing
from embedded_services.services.kit.events import service_events, service_outbox
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.process import serve_endpoints, service_database
from embedded_services.services.kit.roles import Permission
from embedded_services.services.notification import tables
from embedded_services.services.notification.book import book_endpoint
from embedded_services.services.notification.delivering import Deliveries
from embedded_services.services.notification.messages import (
    NewNotification,
    NotificationFilter,
    PreviewInput,
    TemplateInput,
)
from embedded_services.services.notification.notices import DUE, Notices
from embedded_services.services.notification.notifications import Notifications
from embedded_services.services.notification.reactions import Reactions
from embedded_services.services.notification.renderer import Renderer
from embedded_services.services.notification.senders import Senders
from embedded_services.services.notification.steps import Steps
from embedded_services.services.notification.templates import Templates


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    spec = context.spec
    settings = LiveSettings(context)
    async with (
        Renderer() as renderer,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        service_database(context, "notifications.db", tables.SCHEMA) as database,
    ):
        outbox = service_outbox(context, tables.outbox)
        notices = Notices(spec.service, outbox, settings.delivery)
        reactions = Reactions(database, context.clock, renderer, outbox, notices)
        senders = Senders(settings.delivery, session)
        deliveries = Deliveries(database, context.clock, senders, spec.id, spec.incarnation)
        table = [
            *endpoints(database, context.clock, renderer, notices),
            *Steps(database, context.clock, renderer, notices).endpoints,
            book_endpoint(database),
        ]
        async with (
            service_events(
                context, database, outbox, tables.inbox, reactions.table, {DUE: deliveries.due}
            ) as stop,
            serve_endpoints(context, database, table, stop) as port,
        ):
            yield port


class LiveSettings:
    """Where notifications are sent, as the settings in force say."""

    def __init__(self, context: ChildContext) -> None:
        self._delivery = context.spec.settings.delivery
        context.link.on_policies(self._on_policies)

    def delivery(self) -> DeliverySettings:
        return self._delivery

    def _on_policies(self, policies: Policies) -> None:
        self._delivery = policies.settings.delivery


def endpoints(database: Database, clock: Clock, renderer: Renderer, notices: Notices) -> Endpoints:
    notifications = Notifications(database, clock, renderer, notices)
    templates = Templates(database, clock, renderer)
    return [
        Endpoint("POST", "/notifications", notifications.send, NewNotification),
        Endpoint("GET", "/notifications", notifications.list, NotificationFilter),
        Endpoint("POST", "/notifications/read-all", notifications.mark_all_read, Nothing),
        Endpoint("GET", "/notifications/{id}", notifications.get, Nothing),
        Endpoint("POST", "/notifications/{id}/read", notifications.mark_read, Nothing),
        Endpoint("GET", "/templates", templates.list, Paging),
        Endpoint("GET", "/templates/{name}", templates.get, Nothing),
        Endpoint("PUT", "/templates/{name}", templates.put, TemplateInput, needs=Permission.TEMPLATES_WRITE),
        Endpoint("POST", "/templates/{name}/preview", templates.preview, PreviewInput),
    ]
