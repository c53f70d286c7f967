"""How every service's process is put together: its database, the write gate's commands, its endpoints and /health."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from embedded_services.agent.context import ChildContext
from embedded_services.services.kit.database import Database, NotReadyError, Schema, open_database
from embedded_services.services.kit.endpoints import Ask, Endpoint, Endpoints, Nothing, answer
from embedded_services.services.kit.http import listen
from embedded_services.services.kit.storage import SqliteStorage
from embedded_services.telemetry.spans import SpanBook


def _nothing() -> None: ...


@asynccontextmanager
async def service_database(context: ChildContext, file: str, schema: Schema) -> AsyncIterator[Database]:
    """The service's database in the workspace, which the control plane can hold still before it freezes us."""
    storage = SqliteStorage(context.workspace / "data" / file, context.spec.role)
    async with open_database(storage, schema, context.clock) as database:
        context.link.on_command("hold-writes", database.hold_writes)
        context.link.on_command("release-writes", database.release_writes)
        async with database.suffering(context.faults):
            yield database


@asynccontextmanager
async def serve_endpoints(
    context: ChildContext, database: Database, endpoints: Endpoints, stopping: Callable[[], None] = _nothing
) -> AsyncIterator[int]:
    """Serve, with `GET /health` added; yields the port. `stopping` is called first of all when the block is left."""
    spec = context.spec

    async def health(_ask: Ask[Nothing]) -> object:
        state = {"service": spec.service, "instance": spec.id, "incarnation": spec.incarnation}
        try:
            await database.ready()
        except NotReadyError as error:
            return answer({"status": "unhealthy", "reason": str(error), **state}, 503)
        return {"status": "healthy", **state, "database": "ready"}

    table = [Endpoint("GET", "/health", health, Nothing, public=True), *endpoints]
    spans = SpanBook(spec.id, context.clock)
    spans.wake = context.link.report_when_woken(spans.beat)
    async with listen(spec.host, spec.port, table, spans, context.faults) as port:
        try:
            yield port
        finally:
            stopping()
