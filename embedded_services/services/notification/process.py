"""The notification service's process: notifications and their templates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from embedded_services.agent.context import ChildContext
from embedded_services.common.clock import Clock
from embedded_services.services.kit.database import Database
from embedded_services.services.kit.endpoints import Endpoint, Endpoints, Nothing
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.process import serve_endpoints, service_database
from embedded_services.services.kit.roles import Permission
from embedded_services.services.notification.messages import (
    NewNotification,
    NotificationFilter,
    PreviewInput,
    TemplateInput,
)
from embedded_services.services.notification.notifications import Notices
from embedded_services.services.notification.renderer import Renderer
from embedded_services.services.notification.tables import SCHEMA
from embedded_services.services.notification.templates import Templates


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    async with (
        Renderer() as renderer,
        service_database(context, "notifications.db", SCHEMA) as database,
        serve_endpoints(context, database, endpoints(database, context.clock, renderer)) as port,
    ):
        yield port


def endpoints(database: Database, clock: Clock, renderer: Renderer) -> Endpoints:
    notices = Notices(database, clock, renderer)
    templates = Templates(database, clock, renderer)
    return [
        Endpoint("POST", "/notifications", notices.send, NewNotification),
        Endpoint("GET", "/notifications", notices.list, NotificationFilter),
        Endpoint("POST", "/notifications/read-all", notices.mark_all_read, Nothing),
        Endpoint("GET", "/notifications/{id}", notices.get, Nothing),
        Endpoint("POST", "/notifications/{id}/read", notices.mark_read, Nothing),
        Endpoint("GET", "/templates", templates.list, Paging),
        Endpoint("GET", "/templates/{name}", templates.get, Nothing),
        Endpoint("PUT", "/templates/{name}", templates.put, TemplateInput, needs=Permission.TEMPLATES_WRITE),
        Endpoint("POST", "/templates/{name}/preview", templates.preview, PreviewInput),
    ]
