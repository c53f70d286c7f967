"""One running system for all tests of a module; each leaves it without faults and healthy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from embedded_services.contracts.faults import Fault, FaultState, FaultTarget, NewFault
from embedded_services.contracts.limits import LimitSettings
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.system import RunningSystem, away_from_others, running_system

SERVICES = ("user", "order", "payment", "notification")
WITHOUT_MEMORY = {"breaker": {"enabled": False}, "outliers": {"enabled": False}}
"""What one test's faults taught the callers would be in the way of the next."""
UNLIMITED = LimitSettings(limit=1_000_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    folder = away_from_others(tmp_path_factory.mktemp("faults") / "ws", limits=UNLIMITED)
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        await system.control.patch_settings(
            {"services": {name: {"policy": WITHOUT_MEMORY} for name in SERVICES}}
        )
        yield system


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(system: RunningSystem) -> dict[str, str]:
    return await system.login()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def restored(system: RunningSystem) -> AsyncIterator[None]:
    yield
    await system.control.restore_all()

    async def well() -> bool:
        answer = await system.gateway.get("/ready")
        return answer.status_code == 200 and all(
            process.status == "healthy" for process in (await system.control.processes()).items
        )

    async def look() -> bool | None:
        try:
            return await well() or None
        except httpx.HTTPError:
            return None

    await until(look)


Arm = Callable[..., Awaitable[Fault]]


@pytest.fixture
def arm(system: RunningSystem) -> Arm:
    """`await arm("latency", service="order", ms=100)`: what the target has a field for is the target's, `probability`,
    `scope`, `seed` and `ttl` are the fault's, all else are parameters in the wire's names."""

    async def arm(kind: str, **given: Any) -> Fault:
        target = {name: given.pop(name) for name in FaultTarget.__struct_fields__ if name in given}
        own = {name: given.pop(name) for name in ("probability", "scope", "seed", "ttl") if name in given}
        wish = NewFault(kind=kind, target=FaultTarget(**target), params=given, **own)
        return await system.control.arm_fault(wish)

    return arm


async def proved(system: RunningSystem, fault: Fault, holds: Callable[[Fault], bool]) -> Fault:
    """Wait until `holds` is true of the fault as the control plane tells it."""

    told = fault

    async def look() -> Fault | None:
        nonlocal told
        told = await system.control.fault(fault.id)
        return told if holds(told) else None

    try:
        return await until(look, within_s=10.0)
    except TimeoutError as error:
        raise AssertionError(f"it did not come true of {told}") from error


async def ended(system: RunningSystem, fault: Fault) -> FaultState:
    told = await proved(system, fault, lambda told: told.state not in (FaultState.ACTIVE, FaultState.PENDING))
    return told.state


async def gets(
    system: RunningSystem, user: dict[str, str], times: int, path: str = "/api/products"
) -> list[int]:
    """Statuses of so many requests, one after the other; 0 for one whose answer broke off."""
    statuses = []
    for _ in range(times):
        try:
            statuses.append((await system.gateway.get(path, headers=user)).status_code)
        except httpx.HTTPError:
            statuses.append(0)
    return statuses


async def at_once(
    system: RunningSystem, user: dict[str, str], times: int, path: str = "/api/products"
) -> list[int]:
    return [
        status for (status,) in await asyncio.gather(*(gets(system, user, 1, path) for _ in range(times)))
    ]
