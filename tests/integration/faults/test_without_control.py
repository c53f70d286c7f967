"""No fault outlives the user: not while the control plane stands still, and not when it is killed."""

import signal
from pathlib import Path

import psutil

from embedded_services.contracts.faults import FaultState, FaultTarget, NewFault
from tests.helpers.eventually import until
from tests.helpers.system import away_from_others, free_port, launch, running_system, until_ready
from tests.integration.faults.conftest import UNLIMITED, gets

EVERY_KIND = [
    NewFault(kind="latency", target=FaultTarget(service="user"), params={"ms": 50}, ttl=3600),
    NewFault(kind="abort", target=FaultTarget(service="order", method="DELETE"), ttl=3600),
    NewFault(kind="drop-connection", target=FaultTarget(route="/api/cart"), ttl=3600),
    NewFault(kind="truncate-body", target=FaultTarget(instance="payment-1"), ttl=3600),
    NewFault(kind="malformed-body", target=FaultTarget(instance="payment-2"), ttl=3600),
    NewFault(kind="bandwidth", target=FaultTarget(service="notification"), ttl=3600),
    NewFault(kind="lying-health", target=FaultTarget(instance="order-1"), ttl=3600),
    NewFault(kind="false-alarm", target=FaultTarget(instance="order-2"), ttl=3600),
    NewFault(kind="freeze", target=FaultTarget(instance="user-2"), ttl=3600),
    NewFault(kind="kill", target=FaultTarget(process="orchestrator"), params={"stayDown": True}, ttl=3600),
    NewFault(kind="terminate", target=FaultTarget(instance="payment-2"), ttl=3600),
    NewFault(kind="restart", target=FaultTarget(instance="notification-2"), ttl=3600),
    NewFault(kind="crash-loop", target=FaultTarget(instance="notification-1"), ttl=3600),
    NewFault(kind="cpu-burn", target=FaultTarget(instance="order-1"), params={"dutyPercent": 10}, ttl=3600),
]


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


async def test_a_start_after_a_kill_is_clean_and_says_what_it_cleared(tmp_path: Path) -> None:
    folder = away_from_others(tmp_path / "ws", limits=UNLIMITED)
    port = str(free_port())
    async with running_system(folder, "--gateway-port", port) as system:
        armed = [(await system.control.arm_fault(wish)).id for wish in EVERY_KIND]
        assert (folder / "faults.json").exists()
        system.launch.process.kill()
        await system.launch.process.wait()
        assert await system.launch.gone() == []
    assert (folder / "faults.json").exists()
    async with running_system(folder, "--gateway-port", port) as system:
        assert not (folder / "faults.json").exists()
        left = (await system.control.faults()).items
        assert sorted(fault.id for fault in left) == sorted(armed)
        assert {fault.state for fault in left} == {FaultState.REMOVED}
        assert all("cleared at the start" in fault.detail for fault in left)
        user = await system.login()
        assert set(await gets(system, user, 4)) == {200}
        assert (await system.gateway.delete("/api/cart", headers=user)).status_code == 204


async def test_a_stop_leaves_nothing_written_down(tmp_path: Path) -> None:
    folder = away_from_others(tmp_path / "ws")
    async with running_system(folder, "--gateway-port", str(free_port())) as system:
        await system.control.arm_fault(EVERY_KIND[0])
        frozen = await system.control.arm_fault(EVERY_KIND[8])
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
