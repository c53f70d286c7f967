"""The orchestrator's process: its journal in the workspace, its calls to the services, and what it is asked over HTTP."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Final

from embedded_services.agent.context import ChildContext, StartError
from embedded_services.common.platform import raise_file_limit
from embedded_services.common.tasks import Tasks
from embedded_services.sagas.api import SagaApi
from embedded_services.sagas.definition import Definition
from embedded_services.sagas.faults_in_force import FaultsInForce
from embedded_services.sagas.journal import Journal, Shelf
from embedded_services.sagas.orchestrator import Orchestrator
from embedded_services.sagas.order_api import OrderApi
from embedded_services.sagas.order_processing import ORDER_PROCESSING
from embedded_services.sagas.participants import HttpParticipants
from embedded_services.sagas.refund_order import REFUND_ORDER
from embedded_services.sagas.telling import Moved, telling
from embedded_services.services.kit.endpoints import Ask, Endpoint, Endpoints, Nothing, answer
from embedded_services.services.kit.http import listen
from embedded_services.telemetry.spans import SpanBook
from embedded_services.upstream.client import UpstreamClient

FILE: Final = "sagas.db"
_FILES: Final = 16_384

DEFINITIONS: Final[dict[str, Definition]] = {
    definition.name: definition for definition in (ORDER_PROCESSING, REFUND_ORDER)
}


@asynccontextmanager
async def serve(context: ChildContext) -> AsyncIterator[int]:
    """Yields the port. Raises OSError with EADDRINUSE when it is taken, StartError for a journal that cannot be used.

    What was under way when the last orchestrator ended goes on while this one serves already.
    """
    raise_file_limit(_FILES)
    async with AsyncExitStack() as stack:
        journal, shelf = _open(context, stack)
        upstream = await stack.enter_async_context(UpstreamClient(context.spec.settings, context.clock))
        upstream.inject(context.faults)
        context.link.on_peers(upstream.update_peers)
        context.link.on_policies(lambda policies: upstream.update_settings(policies.settings))
        tasks = Tasks("orchestrator")
        services = HttpParticipants(upstream)
        orchestrator = Orchestrator(DEFINITIONS, journal, services, context.clock, tasks)
        stack.push_async_callback(orchestrator.close)
        await stack.enter_async_context(tasks)
        await stack.enter_async_context(telling(context, journal, orchestrator))
        moved = Moved(DEFINITIONS, lambda: None, shelf.counts)
        orchestrator.changed = moved.tell
        moved.wake = context.link.report_when_woken(moved.beat)
        context.link.on_linked(moved.again)
        spans = SpanBook(context.spec.id, context.clock)
        spans.wake = context.link.report_when_woken(spans.beat)
        orchestrator.calls.spans = spans
        orchestrator.fault_for = FaultsInForce(context.faults, context.clock.monotonic)
        orchestrator.last_words = context.link.tell_of_faults
        table: Endpoints = [
            _health(context, orchestrator),
            *SagaApi(orchestrator, shelf, DEFINITIONS, context.clock).endpoints,
            *OrderApi(orchestrator, services).endpoints,
        ]
        port = await stack.enter_async_context(
            listen(context.spec.host, context.spec.port, table, spans, context.faults)
        )
        tasks.spawn(orchestrator.recover(), "recover")
        yield port


def _open(context: ChildContext, stack: AsyncExitStack) -> tuple[Journal, Shelf]:
    folder = context.workspace / "data"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        journal = Journal(folder / FILE)
        stack.enter_context(closing(journal))
        shelf = stack.enter_context(closing(Shelf(folder / FILE)))
    except sqlite3.Error as error:
        raise StartError(f"{FILE} cannot be used: {error}; it was left as it is") from error
    return journal, shelf


def _health(context: ChildContext, orchestrator: Orchestrator) -> Endpoint[Nothing]:
    spec = context.spec

    async def health(_ask: Ask[Nothing]) -> object:
        state = {"service": spec.role, "instance": spec.id, "incarnation": spec.incarnation}
        if orchestrator.trouble:
            return answer({"status": "unhealthy", "reason": orchestrator.trouble, **state}, 503)
        return {"status": "healthy", **state, "unfinished": orchestrator.unfinished}

    return Endpoint("GET", "/health", health, Nothing, public=True)
