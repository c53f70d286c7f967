"""No fault outlives the user: not while the control plane stands still, and not when it is killed."""

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from embedded_services.client.control_client import ControlClient
from embedded_services.client.errors import NoRuntimeError
from embedded_services.client.runtime import read_runtime
from embedded_services.contracts.faults import FaultState, FaultTarget, NewFault
from embedded_services.contracts.runtime import Runtime
from embedded_services.contracts.sagas import SagaState
from embedded_services.faults.catalogue import KINDS
from tests.helpers.eventually import until
from tests.helpers.ports import free_port
from tests.helpers.system import away_from_others, launch, running_system, until_ready
from tests.integration.faults.conftest import UNLIMITED, gets

STEP = FaultTarget(saga="order-processing", step="process-payment")


def lasting(kind: str, target: FaultTarget, **params: Any) -> NewFault:
    return NewFault(kind=kind, target=target, params=params, ttl=3600)


EVERY_KIND = [
    lasting("latency", FaultTarget(service="user"), ms=50),
    lasting("abort", FaultTarget(service="order", method="DELETE")),
    lasting("drop-connection", FaultTarget(route="/api/cart")),
    lasting("truncate-body", FaultTarget(instance="payment-1")),
    lasting("malformed-body", FaultTarget(instance="payment-2")),
    lasting("bandwidth", FaultTarget(service="notification")),
    lasting("lying-health", FaultTarget(instance="order-1")),
    lasting("false-alarm", FaultTarget(instance="order-2")),
    lasting("publish-failure", FaultTarget(service="order")),
    lasting("handler-failure", FaultTarget(service="notification")),
    lasting("duplicate", FaultTarget(event="order.*")),
    lasting("delay", FaultTarget(queue="notification.events"), ms=60_000),
    lasting("reorder", FaultTarget(service="order")),
    lasting("slow-database", FaultTarget(service="user"), ms=50),
    lasting("locked-database", FaultTarget(service="payment"), holdMs=60_000, pauseMs=0),
    lasting("fail-step", STEP),
    lasting("reply-lost", STEP),
    lasting("fail-compensation", STEP),
    lasting("crash-orchestrator", STEP),
    lasting("cpu-burn", FaultTarget(instance="order-1"), dutyPercent=10),
    lasting("freeze", FaultTarget(instance="user-2"), holdLock=True),
    lasting("restart", FaultTarget(instance="notification-2")),
    lasting("crash-loop", FaultTarget(instance="notification-1")),
    lasting("terminate", FaultTarget(instance="payment-2"), stayDown=True),
    lasting("kill", FaultTarget(process="orchestrator"), stayDown=True),
    lasting("freeze", FaultTarget(process="broker")),
]
LATENCY, FROZEN = (next(one for one in EVERY_KIND if one.kind == kind) for kind in ("latency", "freeze"))


def test_every_kind_that_can_be_armed_is_among_them() -> None:
    assert {wish.kind for wish in EVERY_KIND} == {name for name, kind in KINDS.items() if kind.armable}


async def test_edge_faults_end_while_the_control_plane_is_frozen_and_it_thaws_as_soon_as_it_resumes(
    tmp_path: Path,
) -> None:
    folder = away_from_others(tmp_path / "ws", limits=UNLIMITED)
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        user = await system.login()
        abort = NewFault(kind="abort", target=FaultTarget(service="order"), params={"status": 418}, ttl=1.5)
        await system.control.arm_fault(abort)
        frozen = await system.control.arm_fault(
            NewFault(kind="freeze", target=FaultTarget(instance="payment-1"), ttl=1)
        )
        instance = await system.instance("payment-1")
        real = psutil.Process(instance.pid or 0)
        assert await gets(system, user, 1) == [418]
        system.launch.process.send_signal(signal.SIGSTOP)
        try:

            async def is_over() -> bool | None:
                return await gets(system, user, 1) == [200] or None

            await until(is_over)
            assert real.status() == psutil.STATUS_STOPPED
        finally:
            system.launch.process.send_signal(signal.SIGCONT)

        async def is_thawed() -> bool | None:
            return real.status() != psutil.STATUS_STOPPED or None

        await until(is_thawed, within_s=2.0)
        assert (await system.control.fault(frozen.id)).state is FaultState.EXPIRED
        await system.until_healthy("payment-1")


async def armed_with_all(control: ControlClient) -> list[str]:
    return [(await control.arm_fault(wish)).id for wish in EVERY_KIND]


async def until_all_healthy(control: ControlClient) -> None:
    async def look() -> bool | None:
        rows = (await control.processes()).items
        return (len(rows) > 8 and all(row.status == "healthy" for row in rows)) or None

    await until(look)


async def assert_the_next_start_is_clean(folder: Path, port: str, armed: list[str]) -> None:
    """What was left is told as cleared, and no client, message or order meets any of it."""
    assert (folder / "faults.json").exists()
    async with running_system(folder, "--gateway-port", port) as system:
        assert not (folder / "faults.json").exists()
        left = (await system.control.faults()).items
        assert sorted(fault.id for fault in left) == sorted(armed)
        assert {fault.state for fault in left} == {FaultState.REMOVED}
        assert all("cleared at the start" in fault.detail for fault in left)
        await until_all_healthy(system.control)
        user = await system.login()
        assert set(await gets(system, user, 4)) == {200}
        assert (await system.gateway.delete("/api/cart", headers=user)).status_code == 204
        order = {"items": [{"productId": "prod1", "quantity": 1}]}
        answer = await system.gateway.post("/api/orders", json=order, headers=user)
        assert answer.status_code == 202, answer.text

        async def paid() -> bool | None:
            saga = await system.control.saga(answer.json()["sagaId"])
            return saga.state is SagaState.COMPLETED or None

        await until(paid)


async def test_a_start_after_a_kill_is_clean_and_says_what_it_cleared(tmp_path: Path) -> None:
    folder, port = away_from_others(tmp_path / "ws", limits=UNLIMITED), str(free_port())
    async with running_system(folder, "--gateway-port", port) as system:
        armed = await armed_with_all(system.control)
        system.launch.process.kill()
        await system.launch.process.wait()
        assert await system.launch.gone() == []
    await assert_the_next_start_is_clean(folder, port, armed)


async def test_a_start_after_the_window_was_killed_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("QT_QPA_PLATFORM", "offscreen"), ("XDG_CONFIG_HOME", str(tmp_path / "config"))):
        monkeypatch.setenv(name, value)
    folder, port = away_from_others(tmp_path / "ws", limits=UNLIMITED), str(free_port())
    window = await launch(folder, module="app")
    try:

        async def served() -> Runtime | None:
            try:
                runtime = read_runtime(folder)
            except NoRuntimeError:
                return None
            return runtime if runtime.ready else None

        runtime = await until(served)
        async with ControlClient(runtime.control, runtime.token) as control:
            await until_all_healthy(control)
            armed = await armed_with_all(control)
        window.process.kill()
        await window.process.wait()
        assert await window.gone() == []
    finally:
        await window.end()
    await assert_the_next_start_is_clean(folder, port, armed)


async def test_a_stop_leaves_nothing_written_down(tmp_path: Path) -> None:
    folder = away_from_others(tmp_path / "ws")
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        await system.control.arm_fault(LATENCY)
        frozen = await system.control.arm_fault(FROZEN)
        assert frozen.state is FaultState.ACTIVE
        assert await system.stop() == 0
    assert not (folder / "faults.json").exists()


async def test_a_damaged_note_does_not_keep_the_system_from_starting(tmp_path: Path) -> None:
    folder = away_from_others(tmp_path / "ws")
    (folder / "faults.json").write_bytes(b'[{"id":')
    started = await launch(folder, "--gateway-port", str(free_port()))
    try:
        await until_ready(started)
        assert not (folder / "faults.json").exists()
        assert "cannot be read" in started.errors()
    finally:
        await started.end()
