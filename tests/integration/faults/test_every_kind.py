"""Every kind of the catalogue, from end to end: armed, told, extended, met by a real client, proved, removed, and then gone.

What each kind does in particular is said by the tests beside this one; this one sees to it that none is forgotten.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest

from embedded_services.client.errors import ControlError
from embedded_services.contracts.faults import Affected, Fault, FaultState, FaultTarget, NewFault
from embedded_services.faults.catalogue import KINDS
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem
from tests.integration.faults.conftest import gets

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAGA: Final = "order-processing"
ORDER: Final = {"items": [{"productId": "prod1", "quantity": 1}]}
IN_AN_ORDINARY_RUN: Final = 7

Deed = Callable[[RunningSystem, dict[str, str]], Awaitable[None]]


async def browse(system: RunningSystem, user: dict[str, str]) -> None:
    await gets(system, user, 2)


async def fill_cart(system: RunningSystem, user: dict[str, str]) -> None:
    await system.gateway.put("/api/cart/items/prod1", json={"quantity": 1}, headers=user)


async def order(system: RunningSystem, user: dict[str, str]) -> None:
    """Refused while the orchestrator is away, which is what some faults are about."""
    answer = await system.gateway.post("/api/orders", json=ORDER, headers=user)
    assert answer.status_code in (202, 503), answer.text


async def wait(system: RunningSystem, user: dict[str, str]) -> None:
    """Nothing that a client does: it happens by itself."""


@dataclass(frozen=True)
class Case:
    """What it is aimed at, with which parameters, and what a client does until it has met it. `beside` are faults without
    which it would not be met. `names`: its proof names requests (or messages, sagas) that were affected."""

    target: FaultTarget
    does: Deed
    params: dict[str, Any] = field(default_factory=dict)
    beside: tuple[NewFault, ...] = ()
    names: bool = True


PRODUCTS: Final = FaultTarget(service="order")
ONE: Final = FaultTarget(instance="order-2")
EVENTS: Final = FaultTarget(service="notification")
STEP: Final = FaultTarget(saga=SAGA, step="process-payment")
REFUSED: Final = NewFault(kind="fail-step", target=FaultTarget(saga=SAGA, step="create-order"), ttl=60)

CASES: Final[dict[str, Case]] = {
    "kill": Case(ONE, wait, names=False),
    "terminate": Case(ONE, wait, names=False),
    "freeze": Case(ONE, browse),
    "restart": Case(ONE, wait, names=False),
    "crash-loop": Case(ONE, wait, {"upS": 0}, names=False),
    "cpu-burn": Case(ONE, wait, {"dutyPercent": 5}, names=False),
    "latency": Case(PRODUCTS, browse, {"ms": 5}),
    "abort": Case(PRODUCTS, browse),
    "drop-connection": Case(PRODUCTS, browse),
    "truncate-body": Case(PRODUCTS, browse),
    "malformed-body": Case(PRODUCTS, browse),
    "bandwidth": Case(PRODUCTS, browse, {"kbPerS": 200}),
    "lying-health": Case(PRODUCTS, browse),
    "false-alarm": Case(ONE, wait, names=False),
    "publish-failure": Case(PRODUCTS, order),
    "handler-failure": Case(EVENTS, order, {"sticky": False}),
    "duplicate": Case(EVENTS, order),
    "delay": Case(EVENTS, order, {"ms": 5}),
    "reorder": Case(EVENTS, order, {"window": 2, "holdMs": 20}),
    "slow-database": Case(PRODUCTS, browse, {"ms": 5}),
    "locked-database": Case(PRODUCTS, fill_cart, {"holdMs": 60, "pauseMs": 20}),
    "fail-step": Case(STEP, order),
    "reply-lost": Case(STEP, order),
    "fail-compensation": Case(STEP, order, {"final": True}, (REFUSED,)),
    "crash-orchestrator": Case(STEP, order, {"times": 3}),
}

SAMPLE: Final = frozenset(Random(7).sample(sorted(CASES), IN_AN_ORDINARY_RUN))


async def test_no_kind_that_can_be_armed_is_forgotten() -> None:
    assert CASES.keys() == {name for name, kind in KINDS.items() if kind.armable}


async def met(system: RunningSystem, user: dict[str, str], fault: Fault, case: Case) -> Fault:
    """Go on until it is proved, and where it is to, names whom it affected."""

    async def look() -> Fault | None:
        await case.does(system, user)
        told = await system.control.fault(fault.id)
        return told if told.proof.injected and (told.proof.last or not case.names) else None

    return await until(look)


async def is_known(system: RunningSystem, affected: Affected) -> bool:
    """Whether what a proof names can be opened: by its trace, or where it has none, as a request or a saga."""
    if not affected.trace_id:
        return False
    try:
        return bool((await system.control.trace(affected.trace_id)).spans)
    except ControlError as error:
        if error.code != "NOT_FOUND":
            raise
        return False


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in SAMPLE else pytest.mark.slow) for kind in CASES]
)
async def test_it_is_armed_told_extended_met_proved_and_removed(
    system: RunningSystem, user: dict[str, str], kind: str
) -> None:
    case = CASES[kind]
    for other in case.beside:
        await system.control.arm_fault(other)
    armed = await system.control.arm_fault(NewFault(kind=kind, target=case.target, params=case.params))
    assert armed.state is FaultState.ACTIVE, armed.detail
    assert armed.target == case.target
    assert armed.params == {param.name: param.default for param in KINDS[kind].info.params} | case.params
    assert armed.id in {fault.id for fault in (await system.control.faults(state=FaultState.ACTIVE)).items}
    extended = await system.control.extend_fault(armed.id, 120)
    assert (extended.ttl, extended.state) == (120, FaultState.ACTIVE)
    assert extended.expires_at >= armed.expires_at + 59

    told = await met(system, user, armed, case)
    assert told.proof.eligible >= told.proof.injected >= 1
    assert len(told.proof.last) <= 5
    for affected in told.proof.last:

        async def known(affected: Affected = affected) -> bool | None:
            return await is_known(system, affected) or None

        await until(known)

    removed = await system.control.remove_fault(armed.id)
    over = time.time()
    assert removed.state is FaultState.REMOVED
    assert removed.ended_at is not None
    for again in (system.control.remove_fault(armed.id), system.control.extend_fault(armed.id, 60)):
        with pytest.raises(ControlError, match="has ended") as refused:
            await again
        assert refused.value.status == 409
    await system.control.restore_all()
    assert (await system.control.faults(state=FaultState.ACTIVE)).items == []
    await served(system, user)
    await is_gone(system, user, armed, case, over)


async def served(system: RunningSystem, user: dict[str, str]) -> None:
    async def look() -> bool | None:
        return (await gets(system, user, 4) == [200] * 4) or None

    await until(look)


async def is_gone(system: RunningSystem, user: dict[str, str], fault: Fault, case: Case, over: float) -> None:
    """Another one of its kind, which never strikes, is met by all that this one would have been met by."""
    kind = KINDS[fault.kind]
    if not kind.draws:
        return
    for other in case.beside:
        await system.control.arm_fault(other)
    witness = await system.control.arm_fault(
        NewFault(kind=fault.kind, target=case.target, params=case.params, probability=0)
    )

    async def asked() -> bool | None:
        await case.does(system, user)
        return (await system.control.fault(witness.id)).proof.eligible > 2 or None

    if fault.kind != "locked-database":  # it is nothing that is drawn for
        await until(asked)
    assert (await system.control.fault(witness.id)).proof.injected == 0
    late = [one for one in (await system.control.fault(fault.id)).proof.last if one.at > over]
    assert late == []
