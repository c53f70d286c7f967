"""Faults of processes and of health checks, on real processes: what is done to them, that it never counts, that it is undone."""

import asyncio
import signal
import time

import psutil
import pytest

from embedded_services.client.control_client import Action
from embedded_services.client.errors import ControlError
from embedded_services.contracts.faults import FaultState
from embedded_services.contracts.instances import Status
from embedded_services.contracts.system import Process
from embedded_services.contracts.traffic import Mix, TrafficWish
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem
from tests.integration.faults.conftest import Arm, ended, gets, proved

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYWHERE = ["order-1", "broker", "gateway", "orchestrator"]


async def process(system: RunningSystem, name: str) -> Process:
    return next(row for row in (await system.control.processes()).items if row.name == name)


def aimed(name: str) -> dict[str, str]:
    return {"instance": name} if "-" in name else {"process": name}


async def pid_of(system: RunningSystem, name: str) -> int:
    pid = (await process(system, name)).pid
    assert pid is not None
    return pid


async def until_stopped(real: psutil.Process) -> None:
    """The signal was sent; it takes effect when the process is next seen to."""

    async def look() -> bool | None:
        return real.status() == psutil.STATUS_STOPPED or None

    await until(look)


async def until_status(system: RunningSystem, name: str, *statuses: str, after: int = 0) -> Process:
    """`after` is an incarnation that is over."""

    async def look() -> Process | None:
        row = await process(system, name)
        return row if row.status in statuses and row.incarnation > after else None

    return await until(look)


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("kill", name) for name in EVERYWHERE), ("terminate", "order-1"), ("restart", "orchestrator")],
)
async def test_a_process_that_is_ended_comes_back(
    system: RunningSystem, arm: Arm, kind: str, name: str
) -> None:
    before = await process(system, name)
    fault = await arm(kind, **aimed(name))
    assert fault.state is FaultState.ACTIVE
    after = await until_status(system, name, "healthy", after=before.incarnation)
    assert after.pid != before.pid
    assert (await proved(system, fault, lambda told: told.proof.injected == 1)).proof.eligible == 1


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_process_can_be_kept_down_until_the_fault_ends(
    system: RunningSystem, arm: Arm, name: str
) -> None:
    before = await process(system, name)
    await arm("kill", **aimed(name), stayDown=True)
    down = await until_status(system, name, "stopped")
    assert down.pid is None
    assert not psutil.pid_exists(before.pid or 0)
    restored = await system.control.restore_all()
    assert restored.undone == [f"started {name}"]
    await until_status(system, name, "healthy", after=before.incarnation)


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_process_is_frozen_and_thawed_when_its_time_is_over(
    system: RunningSystem, arm: Arm, name: str
) -> None:
    real = psutil.Process(await pid_of(system, name))
    fault = await arm("freeze", **aimed(name), ttl=1)
    await until_stopped(real)
    assert (await process(system, name)).status == "frozen"
    assert await ended(system, fault) is FaultState.EXPIRED
    assert real.status() != psutil.STATUS_STOPPED
    assert (await until_status(system, name, "healthy")).pid == real.pid


async def test_a_crash_loop_goes_on_until_it_is_removed_and_never_counts(
    system: RunningSystem, arm: Arm
) -> None:
    before = await process(system, "payment-1")
    fault = await arm("crash-loop", instance="payment-1", upS=0.1)
    told = await proved(system, fault, lambda told: told.proof.injected >= 6)
    assert (await process(system, "payment-1")).status != Status.CRASH_LOOPING
    await system.control.remove_fault(told.id)
    after = await until_status(system, "payment-1", "healthy", after=before.incarnation + 5)
    await asyncio.sleep(0.3)
    still = await process(system, "payment-1")
    assert (still.pid, still.status) == (after.pid, "healthy")


async def test_cpu_is_burnt_in_the_process_itself_until_it_is_removed(
    system: RunningSystem, arm: Arm
) -> None:
    real = psutil.Process(await pid_of(system, "notification-1"))
    idle = real.num_threads()
    fault = await arm("cpu-burn", instance="notification-1", dutyPercent=60)
    assert fault.state is FaultState.ACTIVE
    await proved(system, fault, lambda told: told.proof.injected == 1)
    assert real.num_threads() == idle + 1
    used, began = sum(real.cpu_times()[:2]), time.monotonic()

    async def burns() -> bool | None:
        return sum(real.cpu_times()[:2]) - used > 0.1 * (time.monotonic() - began) + 0.1 or None

    await until(burns)
    await system.control.remove_fault(fault.id)

    async def is_over() -> bool | None:
        return real.num_threads() == idle or None

    await until(is_over)


async def test_what_clients_noticed_of_a_frozen_instance_is_counted(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("freeze", instance="order-2")
    assert await gets(system, user, 4) == [200] * 4
    told = await proved(system, fault, lambda told: bool(told.proof.client_requests))
    assert told.proof.client_failures == 0
    assert told.proof.added_ms is not None
    assert told.proof.added_ms.p50 is not None
    assert told.proof.added_ms.p50 >= 900
    assert {one.where for one in told.proof.last} == {"order-2"}


@pytest.mark.parametrize("name", ["broker", "gateway", "orchestrator"])
async def test_where_nobody_can_count_clients_none_is_claimed_to_be_well(
    system: RunningSystem, arm: Arm, name: str
) -> None:
    proof = (await arm("kill", **aimed(name))).proof
    assert (proof.client_requests, proof.client_failures) == (None, None)
    assert proof.clients_note.startswith("not counted")


async def test_traffic_counts_what_clients_lose_by_a_gateway_that_is_down(
    system: RunningSystem, arm: Arm
) -> None:
    await system.control.start_traffic(
        TrafficWish(rate=50, mix=Mix(browse=1, checkout=0, login=0), clients=4)
    )
    try:

        async def runs() -> bool | None:
            return (await system.control.traffic()).totals.done > 0 or None

        await until(runs)
        fault = await arm("kill", process="gateway", stayDown=True)
        told = await proved(system, fault, lambda told: (told.proof.client_failures or 0) >= 5)
        assert (told.proof.client_requests or 0) >= (told.proof.client_failures or 0)
        assert told.proof.clients_note.startswith("counted by the traffic")
    finally:
        await system.control.stop_traffic()


async def test_clients_turned_away_for_want_of_instances_are_counted(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    faults = [await arm("kill", instance=name, stayDown=True) for name in ("order-1", "order-2")]
    await system.until(lambda rows: not (rows["order-1"].in_rotation or rows["order-2"].in_rotation))
    assert await gets(system, user, 3) == [503] * 3
    for fault in faults:
        await proved(system, fault, lambda told: (told.proof.client_failures or 0) >= 3)


async def test_one_process_cannot_be_frozen_and_kept_down(system: RunningSystem, arm: Arm) -> None:
    await arm("freeze", instance="user-1")
    with pytest.raises(ControlError, match="contradicts freeze"):
        await arm("kill", instance="user-1", stayDown=True)
    assert len((await system.control.faults(state=FaultState.ACTIVE)).items) == 1


async def test_what_cannot_be_done_now_is_refused_and_leaves_nothing(system: RunningSystem, arm: Arm) -> None:
    await arm("freeze", instance="user-1")
    with pytest.raises(ControlError, match="is frozen") as refused:
        await arm("terminate", instance="user-1")
    assert refused.value.status == 409
    assert len((await system.control.faults(state=FaultState.ACTIVE)).items) == 1


# --- health ---


async def test_a_lying_instance_stays_in_rotation_while_its_requests_fail(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("lying-health", service="order", status=500)
    assert await gets(system, user, 4) == [500] * 4
    told = await proved(system, fault, lambda told: told.proof.client_failures == 4)
    assert told.proof.injected == 4
    checked = (await system.instance("order-1")).last_check
    assert checked is not None

    async def checked_again() -> bool | None:
        row = await system.instance("order-1")
        assert row.in_rotation
        return (row.last_check is not None and row.last_check.at > checked.at and row.last_check.ok) or None

    await until(checked_again)


async def test_lies_that_retries_hide_are_counted_as_met_and_not_as_failures(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("lying-health", instance="order-1", status=503)
    assert await gets(system, user, 8) == [200] * 8
    told = await proved(system, fault, lambda told: bool(told.proof.client_requests))
    assert told.proof.client_failures == 0


async def test_a_false_alarm_sends_a_good_instance_away(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    fault = await arm("false-alarm", instance="order-2")
    await system.until(lambda rows: rows["order-2"].status is Status.UNHEALTHY)
    assert not (await system.instance("order-2")).in_rotation
    assert await gets(system, user, 4) == [200] * 4
    assert (await system.control.fault(fault.id)).proof.client_requests == 0
    await system.control.remove_fault(fault.id)
    await system.until(lambda rows: rows["order-2"].status is Status.HEALTHY)


# --- all at once ---


async def test_restore_all_thaws_starts_and_tells_everybody(
    system: RunningSystem, user: dict[str, str], arm: Arm
) -> None:
    await arm("latency", service="order", ms=30_000)
    await arm("kill", instance="payment-2", stayDown=True)
    await arm("freeze", instance="user-2")
    await arm("crash-loop", instance="notification-2")
    waiting = asyncio.gather(*(gets(system, user, 1) for _ in range(20)))
    real = psutil.Process(await pid_of(system, "user-2"))
    await until_stopped(real)
    restored = await system.control.restore_all()
    assert len(restored.removed) == 4
    assert restored.undone == ["thawed user-2", "started payment-2"]
    assert restored.pending == []
    assert real.status() != psutil.STATUS_STOPPED
    assert (await system.control.faults(state=FaultState.ACTIVE)).items == []
    async with asyncio.timeout(5):
        assert await waiting == [[200]] * 20


@pytest.mark.parametrize(
    ("name", "action", "detail"),
    [
        ("user-2", "thaw", "thawed by hand"),
        ("broker", "thaw", "thawed by hand"),
        ("user-2", "kill", "killed by hand"),
        ("gateway", "restart", "restarted by hand"),
    ],
)
async def test_a_freeze_is_over_when_a_person_undoes_it(
    system: RunningSystem, arm: Arm, name: str, action: Action, detail: str
) -> None:
    fault = await arm("freeze", **aimed(name))
    act = system.control.act_on_instance if "-" in name else system.control.act_on_process
    await act(name, action)
    over = await system.control.fault(fault.id)
    assert (over.state, over.detail) == (FaultState.REMOVED, detail)
    told = (await system.control.timeline(limit=1000)).items
    assert any(
        entry.subject.fault == fault.id and entry.text == f"fault freeze removed: {detail}" for entry in told
    )
    await until_status(system, name, "healthy")
    assert (await system.control.restore_all()).undone == []


async def test_a_freeze_is_over_when_somebody_else_thaws_it(system: RunningSystem, arm: Arm) -> None:
    fault = await arm("freeze", instance="user-2")
    real = psutil.Process(await pid_of(system, "user-2"))
    await until_stopped(real)
    real.send_signal(signal.SIGCONT)
    await until_status(system, "user-2", "healthy")
    over = await proved(system, fault, lambda told: told.state is FaultState.REMOVED)
    assert over.detail == "thawed by somebody else"


async def test_a_freeze_is_over_when_its_process_is_killed_from_outside(
    system: RunningSystem, arm: Arm
) -> None:
    fault = await arm("freeze", instance="user-2")
    psutil.Process(await pid_of(system, "user-2")).kill()
    over = await proved(system, fault, lambda told: told.state is FaultState.REMOVED)
    assert over.detail == "its process ended"


async def test_a_kill_ends_the_freeze_that_it_meets(system: RunningSystem, arm: Arm) -> None:
    frozen = await arm("freeze", instance="user-2")
    killed = await arm("kill", instance="user-2")
    over = await system.control.fault(frozen.id)
    assert (over.state, over.detail) == (FaultState.REMOVED, f"killed by the fault {killed.id}")
