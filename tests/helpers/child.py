"""A child's context for tests that run a child's module inside the test process, without a control plane."""

from pathlib import Path

import msgspec

from embedded_services.agent.context import ChildContext
from embedded_services.agent.link import AgentLink
from embedded_services.common.clock import Clock, SystemClock
from embedded_services.common.resources import resource
from embedded_services.contracts.agent import ChildSpec
from embedded_services.contracts.settings import Settings

JWT_SECRET = "test-secret-of-at-least-thirty-two-bytes"


def demo_settings() -> Settings:
    """The settings that a new workspace starts with."""
    return msgspec.json.decode(resource("workspaces", "demo-shop.json").read_bytes(), type=Settings)


def child_context(
    workspace: Path,
    role: str,
    *,
    slot: int = 1,
    port: int = 0,
    settings: Settings | None = None,
    clock: Clock | None = None,
    broker_url: str | None = None,
) -> ChildContext:
    """What the control plane would hand to slot `slot` of `role`; port 0 takes any free one."""
    spec = ChildSpec(
        id="gateway" if role == "gateway" else f"{role}-{slot}",
        role=role,
        service=role,
        module="embedded_services.gateway.process"
        if role == "gateway"
        else f"embedded_services.services.{role}.process",
        incarnation=1,
        host="127.0.0.1",
        port=port,
        control_url="http://127.0.0.1:1",
        agent_token="unused",
        workspace=str(workspace),
        jwt_secret=JWT_SECRET,
        settings=settings or demo_settings(),
        settings_revision=1,
        broker_url=broker_url,
    )
    clock = clock or SystemClock()
    return ChildContext(spec, AgentLink(spec, clock), clock)
