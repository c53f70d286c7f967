"""Faults of messages and databases in the running system: armed by the API, their effect where people look, proved, removed."""

import pytest

from embedded_services.contracts.events import EventQuery
from embedded_services.contracts.faults import FaultState
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem
from tests.integration.faults.conftest import Arm, gets, proved

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def register(system: RunningSystem, name: str) -> str:
    """A new user: `user.created` is told, and a welcome sent."""
    answer = await system.gateway.post(
        "/api/auth/register",
        json={"email": f"{name}@faultdeck.local", "password": "correct horse battery", "name": name},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["user"]["id"])


async def test_a_poisoned_event_ends_as_a_dead_letter_that_names_the_fault(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("handler-failure", service="notification", event="user.created", sticky=False)
    await register(system, "poisoned")
    told = await proved(system, fault, lambda told: told.proof.injected >= 1)
    assert told.proof.last[0].where.startswith("notification-")
    assert told.proof.last[0].request_id.startswith("msg_")
    await system.control.remove_fault(fault.id)

    async def handled() -> bool | None:
        found = await system.control.events(EventQuery(type="email.send"))
        return bool(found.items) or None

    await until(handled)


async def test_what_cannot_be_published_waits_in_the_outbox_and_arrives_later(
    system: RunningSystem, arm: Arm
) -> None:
    fault = await arm("publish-failure", service="user")
    await register(system, "waiting")

    async def waits() -> bool | None:
        rows = (await system.control.outbox()).items
        return any(row.waiting for row in rows if row.instance.startswith("user-")) or None

    await until(waits)
    await proved(system, fault, lambda told: told.proof.injected >= 1)  # else it waits only for its turn
    await system.control.remove_fault(fault.id)

    async def gone() -> bool | None:
        rows = (await system.control.outbox()).items
        return not any(row.waiting for row in rows if row.instance.startswith("user-")) or None

    await until(gone)


async def test_a_slow_database_slows_one_service_and_tells_whom(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("slow-database", service="order", ms=60)
    assert set(await gets(system, user, 3)) == {200}
    told = await proved(system, fault, lambda told: (told.proof.client_requests or 0) >= 3)
    assert told.proof.client_failures == 0
    assert told.proof.added_ms is not None
    assert (told.proof.added_ms.p50 or 0.0) >= 60
    assert (await system.control.remove_fault(fault.id)).state is FaultState.REMOVED


async def test_a_locked_database_lets_readers_go_on_and_writers_once_it_ends(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("locked-database", service="order", holdMs=60_000, pauseMs=0)
    assert set(await gets(system, user, 3)) == {200}
    await proved(system, fault, lambda told: told.state is FaultState.ACTIVE)
    await system.control.remove_fault(fault.id)
    answer = await system.gateway.put("/api/cart/items/prod1", json={"quantity": 1}, headers=user)
    assert answer.status_code in (200, 201, 204), answer.text
