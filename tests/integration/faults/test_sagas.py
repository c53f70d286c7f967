"""Faults of sagas in the running system: armed by the API, met by orders of the gateway's clients, proved, and at an end."""

import pytest

from embedded_services.client.errors import ControlError
from embedded_services.contracts.faults import Fault, FaultState
from embedded_services.contracts.ledger import LineState
from embedded_services.contracts.sagas import Saga, SagaState, StepState
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem
from tests.integration.faults.conftest import Arm, proved

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = {"items": [{"productId": "prod1", "quantity": 2}, {"productId": "prod2", "quantity": 1}]}
SAGA = "order-processing"


async def ordered(system: RunningSystem, user: dict[str, str]) -> str:
    """The id of the saga that an order has started."""
    answer = await system.gateway.post("/api/orders", json=ORDER, headers=user)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["sagaId"])


async def ended(system: RunningSystem, saga: str, *states: SagaState) -> Saga:
    """Once it is in one of `states`, whatever happens to the orchestrator meanwhile."""

    async def look() -> Saga | None:
        try:
            found = await system.control.saga(saga)
        except ControlError as error:
            if error.code != "SERVICE_UNAVAILABLE":  # it is away for a moment
                raise
            return None
        return found if found.state in states else None

    return await until(look)


def step(saga: Saga, name: str) -> StepState:
    return next(one.state for one in saga.steps if one.name == name)


async def test_a_step_is_refused_and_the_order_undone(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("fail-step", saga=SAGA, step="process-payment")
    saga = await ended(system, await ordered(system, user), SagaState.COMPENSATED)
    assert step(saga, "process-payment") is StepState.FAILED
    assert step(saga, "reserve-inventory") is StepState.COMPENSATED
    told = await proved(system, fault, lambda told: told.proof.injected == 1)
    assert (told.proof.last[0].request_id, told.proof.last[0].trace_id) == (saga.id, saga.trace_id)
    await system.control.remove_fault(fault.id)
    after = await ended(system, await ordered(system, user), SagaState.COMPLETED)
    assert step(after, "process-payment") is StepState.COMPLETED


async def test_a_lost_reply_leaves_the_outcome_unknown_and_nobody_charged_for_nothing(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("reply-lost", saga=SAGA, step="process-payment")
    saga = await ended(system, await ordered(system, user), SagaState.COMPENSATED, SagaState.COMPLETED)
    assert saga.state is SagaState.COMPENSATED
    await proved(system, fault, lambda told: told.proof.injected >= 1)
    ledger = await system.control.ledger()
    assert all(line.state is not LineState.BROKEN for line in ledger.lines), ledger


async def test_an_undoing_that_fails_for_good_waits_for_a_person(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    first = await arm("fail-step", saga=SAGA, step="process-payment")
    second = await arm("fail-compensation", saga=SAGA, step="reserve-inventory", final=True)
    saga = await ended(system, await ordered(system, user), SagaState.COMPENSATION_FAILED)
    await proved(system, second, lambda told: told.proof.injected >= 1)
    for fault in (first, second):
        await system.control.remove_fault(fault.id)
    await system.control.act_on_saga(saga.id, "retry")
    await ended(system, saga.id, SagaState.COMPENSATED)


async def test_the_orchestrator_dies_as_often_as_asked_and_the_saga_goes_on(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    before = await incarnation(system)
    fault = await arm("crash-orchestrator", saga=SAGA, step="process-payment", times=1)
    saga = await ended(system, await ordered(system, user), SagaState.COMPLETED)
    assert step(saga, "process-payment") is StepState.COMPLETED
    assert await incarnation(system) == before + 1

    async def over() -> Fault | None:
        told = next(one for one in (await system.control.faults()).items if one.id == fault.id)
        return told if told.state is FaultState.EXPIRED else None

    assert (await until(over)).proof.injected == 1
    await ended(system, await ordered(system, user), SagaState.COMPLETED)
    assert await incarnation(system) == before + 1


async def incarnation(system: RunningSystem) -> int:
    processes = (await system.control.processes()).items
    return next(process.incarnation for process in processes if process.name == "orchestrator")
