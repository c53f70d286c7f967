"""This gateway as it is measured: the real system, headless, before upstreams that registered themselves."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import msgspec

from embedded_services.client.control_client import ControlClient
from embedded_services.contracts.instances import Status
from embedded_services.contracts.limits import LimitSettings
from embedded_services.contracts.settings import Route, ServiceSettings, Settings
from embedded_services.contracts.system import Registration
from embedded_services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER
from tests.helpers.system import launch, until_ready

SERVICE = "shop"
HEALTHY_S = 10.0
STOP_S = 5.0
FAR_ABOVE = 1_000_000_000
"""A rate limit that counts and never refuses."""

SETTINGS = Settings(
    name="measured",
    services={SERVICE: ServiceSettings(kind="external", replicas=0)},
    routes=[
        Route(prefix="/api/products", service=SERVICE),
        Route(prefix="/api/open", service=SERVICE, public=True),
    ],
    limits=LimitSettings(limit=FAR_ABOVE),
)
"""Every feature as it is by default."""


@dataclass(frozen=True)
class Faultdeck:
    """`secret` signs tokens that the gateway accepts; `gateway` is its pid, and `root` the parent of all processes."""

    url: str
    control: ControlClient
    secret: str
    root: int
    gateway: int

    def token(self) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600, "sub": "usr_demo", "id": "usr_demo",
            "role": "customer", "email": "demo@faultdeck.local", "name": "Demo",
        }  # fmt: skip
        return jwt.encode(claims, self.secret, algorithm=ALGORITHM)


@asynccontextmanager
async def faultdeck(workspace: Path, ports: Sequence[int]) -> AsyncIterator[Faultdeck]:
    """Every one of `ports` is an instance in rotation, and nobody looks at the stream."""
    workspace.mkdir(parents=True)
    (workspace / "workspace.json").write_bytes(msgspec.json.encode(SETTINGS))
    started = await launch(workspace)
    try:
        ready = await until_ready(started)
        async with ControlClient(ready.control, ready.token) as control:
            for number, port in enumerate(ports):
                registration = Registration(host="127.0.0.1", port=port, ttl=3600, health_path="/")
                await control.register(SERVICE, f"nginx-{number}", registration)
            await _until_healthy(control, len(ports))
            processes = (await control.processes()).items
            gateway = next(process for process in processes if process.name == "gateway")
            assert gateway.pid is not None
            secret = (workspace / "jwt-secret").read_text()
            yield Faultdeck(ready.gateway, control, secret, started.process.pid, gateway.pid)
        started.process.terminate()
        assert await started.exit_code(within_s=STOP_S) == 0, started.errors()
    finally:
        await started.end()


async def _until_healthy(control: ControlClient, count: int) -> None:
    async with asyncio.timeout(HEALTHY_S):
        while True:
            rows = (await control.instances()).items
            if sum(row.status is Status.HEALTHY for row in rows) == count:
                return
            await asyncio.sleep(0.05)
