"""Templates: seeing, writing and trying them."""

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from embedded_services.common.clock import Clock
from embedded_services.common.prepared import Prepared
from embedded_services.contracts.errors import ApiError, ErrorDetail
from embedded_services.contracts.validation import invalid
from embedded_services.contracts.wire import Page
from embedded_services.services.kit.database import AnyRow, Database
from embedded_services.services.kit.endpoints import Answer, Ask, Nothing, answer, not_found
from embedded_services.services.kit.pages import Paging, rows_of_page
from embedded_services.services.notification.messages import (
    Channel,
    Preview,
    PreviewInput,
    Template,
    TemplateInput,
    TemplateName,
)
from embedded_services.services.notification.renderer import Renderer, Source
from embedded_services.services.notification.tables import templates

_by_name = Prepared(select(templates).where(templates.c.name == bindparam("name")))


class Templates:
    def __init__(self, database: Database, clock: Clock, renderer: Renderer) -> None:
        self._database = database
        self._clock = clock
        self._renderer = renderer

    async def list(self, ask: Ask[Paging]) -> Page[Template]:
        def work(connection: Connection) -> Page[Template]:
            rows, cursor = rows_of_page(
                connection, select(templates), templates.c.name, ask.input, of="templates", newest_first=False
            )
            return Page(items=[_show(row) for row in rows], next_cursor=cursor)

        return await self._database.read(work)

    async def get(self, ask: Ask[Nothing]) -> Template:
        return await self._database.read(lambda connection: _show(find(connection, ask.params["name"])))

    async def put(self, ask: Ask[TemplateInput]) -> Answer:
        """200 for a template that was there, 201 for a new one. A faulty template is refused and changes nothing."""
        given = ask.input
        name = _template_name(ask.params["name"])
        variables = await self._renderer.variables(_checked(given))
        _check_declared(given, variables)
        now = self._clock.now()
        values = {
            "channel": given.channel,
            "subject": given.subject,
            "body": given.body,
            "description": given.description,
            "variables": msgspec.json.encode(variables),
            "updated_at": now,
        }

        def work(connection: Connection) -> Answer:
            changed = connection.execute(
                update(templates)
                .where(templates.c.name == name)
                .values(**values, revision=templates.c.revision + 1)
            )
            if changed.rowcount == 0:
                connection.execute(insert(templates).values(name=name, created_at=now, **values))
            template = _show(find(connection, name))
            return answer(template, 200 if changed.rowcount else 201)

        return await self._database.transact(work)

    async def preview(self, ask: Ask[PreviewInput]) -> Preview:
        """What would be sent; nothing is stored."""
        row = await self._database.read(lambda connection: find(connection, ask.params["name"]))
        rendered = await self._renderer.render(source_of(row), ask.input.channel, ask.input.data)
        return Preview(channel=rendered.channel, subject=rendered.subject, body=rendered.body)


def find(connection: Connection, name: str) -> AnyRow:
    """Raises ApiError NOT_FOUND."""
    row = _by_name.row(connection, {"name": name})
    if row is None:
        raise not_found("template")
    return row


def source_of(row: AnyRow) -> Source:
    return Source(Channel(row.channel), row.subject, row.body)


def _template_name(name: str) -> str:
    try:
        return msgspec.convert(name, TemplateName)
    except msgspec.ValidationError as error:
        raise invalid("name", "must begin with a letter and have letters, digits, _ and - only") from error


def _checked(given: TemplateInput) -> Source:
    if given.channel is Channel.SMS and given.subject is not None:
        raise invalid("subject", "cannot be given for sms")
    if given.channel is not Channel.SMS and given.subject is None:
        raise invalid("subject", f"is required for {given.channel}")
    return Source(given.channel, given.subject, given.body)


def _check_declared(given: TemplateInput, variables: list[str]) -> None:
    if given.variables is None:
        return
    unknown = [name for name in variables if name not in given.variables]
    if unknown:
        raise ApiError(
            "VALIDATION_FAILED",
            f"The template uses variables that are not declared: {', '.join(unknown)}",
            details=[ErrorDetail(field="variables", message=f"lacks {name}") for name in unknown],
        )


def _show(row: AnyRow) -> Template:
    return Template(
        name=row.name,
        channel=Channel(row.channel),
        subject=row.subject,
        body=row.body,
        description=row.description,
        variables=msgspec.json.decode(row.variables, type=list[str]),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
