"""What a service tells of a request that is traced, and that it tells nothing of others."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import aiohttp

from embedded_services.agent.context import ChildModule
from embedded_services.agent.link import AgentLink, Reporter
from embedded_services.common.clock import SystemClock
from tests.helpers.child import child_context
from tests.integration.services.api import ADMIN, Api

TRACED = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
NOT_TRACED = TRACED[:-2] + "00"


class Link(AgentLink):
    """Keeps who reports, and how often it was woken for that."""

    reporters: list[Reporter]
    woken: int

    def report_when_woken(self, reporter: Reporter) -> Callable[[], None]:
        self.reporters, self.woken = [reporter], 0

        def wake() -> None:
            self.woken += self.reporters == [reporter]  # those before it have other things to say

        return wake


async def test_a_traced_request_is_told_with_what_it_did_in_the_database(tmp_path: Path) -> None:
    context = child_context(tmp_path, "order")
    link = Link(context.spec, SystemClock())
    module = cast("ChildModule", importlib.import_module(context.spec.module))
    async with (
        module.serve(replace(context, link=link)) as port,
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
    ):
        api = Api(session, port)
        for _ in range(3):
            await api("GET", "/products", headers={"traceparent": NOT_TRACED})
        await api("GET", "/health", who=None)
        assert link.woken == 0
        product = {"name": "Lamp", "price": 12.5, "stock": 3}
        answer = await api("POST", "/products", product, who=ADMIN, headers={"traceparent": TRACED})
        assert link.woken == 1
        await api("GET", "/products/nothing", headers={"traceparent": TRACED})
        assert link.woken == 1
    beat = link.reporters[0]()
    assert beat is not None
    spans = {span.span: span for span in beat.spans}
    servers = [span for span in spans.values() if span.parent == "b" * 16]
    assert [(span.name, span.attributes["status"], span.ok) for span in servers] == [
        ("POST /products", str(answer.status), True),
        ("GET /products/nothing", "404", True),
    ]
    inner = [span for span in spans.values() if span.parent in spans]
    assert {span.name.split()[0] for span in inner} == {"transaction", "read"}
    assert all(span.trace == "a" * 32 and span.process == "order-1" for span in spans.values())
    assert all(span.took_ms <= spans[span.parent or ""].took_ms for span in inner)
    assert link.reporters[0]() is None
