"""The classics do what their sentences promise, on the system as it comes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from app.panels.faults.presets import classics
from embedded_services.client.errors import ControlError
from embedded_services.contracts.faults import Fault, FaultState
from embedded_services.contracts.instances import Status
from embedded_services.contracts.queues import DeadLetterQuery
from embedded_services.contracts.sagas import SagaState
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.system import RunningSystem, away_from_others, running_system
from tests.integration.faults.conftest import UNLIMITED, gets, proved

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

ORDER = {"items": [{"productId": "prod2", "quantity": 1}]}
PRESETS = {preset.key: preset for preset in classics("en")}
User = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSystem]:
    """With its breakers, unlike the others': they are part of what is promised."""
    folder = away_from_others(tmp_path_factory.mktemp("presets") / "ws", limits=UNLIMITED)
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        admin = await system.login("admin@faultdeck.local")
        stocked = await system.gateway.patch("/api/products/prod2", json={"stock": 100_000}, headers=admin)
        assert stocked.status_code == 200
        yield system


async def ordered(system: RunningSystem, user: User) -> str:
    answer = await system.gateway.post("/api/orders", json=ORDER, headers=user)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["sagaId"])


async def until_saga(system: RunningSystem, saga: str, state: SagaState) -> None:
    async def look() -> bool | None:
        try:
            return (await system.control.saga(saga)).state is state or None
        except ControlError as error:
            if error.code != "SERVICE_UNAVAILABLE":  # the orchestrator is away for a moment
                raise
            return None

    await until(look)


async def payment_outage(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    undone = await ordered(system, user)
    await until_saga(system, undone, SagaState.COMPENSATING)
    assert set(await gets(system, user, 30, "/api/payments")) == {503}
    assert (await system.control.saga(undone)).state is SagaState.COMPENSATING
    await system.control.restore_all()
    await until_saga(system, undone, SagaState.COMPENSATED)
    await until_saga(system, await ordered(system, user), SagaState.COMPLETED)


async def slow_notification(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    assert set(await gets(system, user, 8, "/api/notifications")) == {200}
    told = await proved(system, faults[0], lambda told: (told.proof.client_requests or 0) >= 8)
    assert told.proof.client_failures == 0
    assert told.proof.added_ms is not None
    assert (told.proof.added_ms.p99 or 0) >= 400


async def until_it_is(system: RunningSystem, instance: str, status: Status) -> None:
    await system.until(lambda rows: rows[instance].status is status, 20.0)


async def flapping_instance(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    for status in (Status.UNHEALTHY, Status.HEALTHY, Status.UNHEALTHY):
        await until_it_is(system, "order-2", status)
        assert set(await gets(system, user, 4)) == {200}


async def grey_failure(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    seen: list[int] = []

    async def fails() -> bool | None:
        seen.extend(await gets(system, user, 4))
        return (500 in seen and 200 in seen) or None

    await until(fails)
    assert set(seen) == {200, 500}
    order_1 = await system.instance("order-1")
    assert (order_1.status, order_1.in_rotation) == (Status.HEALTHY, True)


async def retry_storm(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    async def repeated() -> bool | None:
        await asyncio.gather(*(gets(system, user, 2) for _ in range(4)))
        records = (await system.control.requests()).items
        return any(record.tries > 1 and record.path == "/api/products" for record in records) or None

    await until(repeated)
    for fault in faults:
        await proved(system, fault, lambda told: told.proof.injected >= 1)


async def poison_message(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    for _ in range(30):
        await ordered(system, user)

    async def buried() -> bool | None:
        found = (await system.control.dead_letters(DeadLetterQuery())).items
        return any(faults[0].id in letter.reason for letter in found) or None

    await until(buried, within_s=75.0)


async def broker_loss(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    await until_saga(system, await ordered(system, user), SagaState.COMPLETED)

    async def waiting() -> int:
        return sum(row.waiting for row in (await system.control.outbox()).items)

    async def waits() -> bool | None:
        return await waiting() > 0 or None

    async def told() -> bool | None:
        return await waiting() == 0 or None

    await until(waits)
    assert "started broker" in (await system.control.restore_all()).undone
    await until(told)


async def orchestrator_crash(system: RunningSystem, user: User, faults: list[Fault]) -> None:
    await until_saga(system, await ordered(system, user), SagaState.COMPLETED)
    over = await proved(system, faults[0], lambda told: told.state is FaultState.EXPIRED)
    assert over.proof.injected == 1


PROMISES: dict[str, Callable[[RunningSystem, User, list[Fault]], Awaitable[None]]] = {
    "payment-outage": payment_outage,
    "slow-notification": slow_notification,
    "flapping-instance": flapping_instance,
    "grey-failure": grey_failure,
    "retry-storm": retry_storm,
    "poison-message": poison_message,
    "broker-loss": broker_loss,
    "orchestrator-crash": orchestrator_crash,
}
SLOW = frozenset({"flapping-instance", "poison-message", "slow-notification"})


async def test_every_preset_has_its_promise() -> None:
    assert PROMISES.keys() == PRESETS.keys()


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=pytest.mark.slow if key in SLOW else ()) for key in PROMISES]
)
async def test_it_does_what_its_sentence_says(system: RunningSystem, key: str) -> None:
    user = await system.login()
    faults = [await system.control.arm_fault(wish) for wish in PRESETS[key].faults]
    await PROMISES[key](system, user, faults)
