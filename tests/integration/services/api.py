"""Services running in the test process behind real sockets, and a client that speaks as whoever it is told to."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec

from embedded_services.agent.context import ChildModule
from embedded_services.common.clock import Clock
from embedded_services.contracts.settings import Settings
from tests.helpers.child import child_context

DEMO = ("usr_demo", "customer")
OTHER = ("usr_other", "customer")
SUPPORT = ("usr_support", "support")
ADMIN = ("usr_admin", "admin")
NOBODY = None


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> Any:
        return self.body["error"]

    @property
    def field(self) -> str:
        """The field that a 400 is about."""
        return str(self.error["details"][0]["field"])


class Api:
    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self.port = port

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        who: tuple[str, str] | None = DEMO,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        if who is not None:
            sent |= {"X-User-ID": who[0], "X-User-Role": who[1]}
        if key is not None:
            sent["Idempotency-Key"] = key
        data = raw
        if body is not None:
            data = msgspec.json.encode(body)
            sent.setdefault("Content-Type", "application/json")
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self._session.request(method, url, data=data, headers=sent) as response:
            return Reply(response.status, dict(response.headers), await response.read())


@asynccontextmanager
async def serving(
    workspace: Path,
    role: str,
    *,
    slot: int = 1,
    clock: Clock | None = None,
    broker_url: str | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[Api]:
    """Instance `slot` of a service, as its process would serve it."""
    context = child_context(workspace, role, slot=slot, clock=clock, broker_url=broker_url, settings=settings)
    module = cast("ChildModule", importlib.import_module(f"embedded_services.services.{role}.process"))
    async with (
        module.serve(context) as port,
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
    ):
        yield Api(session, port)
