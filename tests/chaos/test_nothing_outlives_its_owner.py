"""`kill -9` of the control plane at any moment, with frozen children too: everything is gone within 2 s."""

import asyncio
import contextlib
import signal
from pathlib import Path
from random import Random

import httpx
import pytest

from embedded_services.client.control_client import ControlClient
from tests.helpers.system import (
    away_from_others,
    is_free,
    launch,
    running_away_from_others,
    running_system,
    until_ready,
)

MOMENTS = ("start", "load", "stop")


async def one_round(workspace: Path, seed: int) -> None:
    """Kill the control plane at a moment that `seed` chooses; all must be gone, and the ports free."""
    random = Random(seed)
    moment = MOMENTS[seed % len(MOMENTS)]
    started = await launch(workspace)
    ports: list[int] = []
    try:
        if moment == "start":
            await asyncio.sleep(random.uniform(0.05, 1.2))  # the moment is what is being tested
        else:
            ready = await until_ready(started)
            async with ControlClient(ready.control, ready.token) as control:
                rows = (await control.instances()).items
                ports = [row.port for row in rows]
                for row in random.sample(rows, 3):
                    await control.act_on_instance(row.id, "freeze")
            if moment == "load":
                await burst(ready.gateway, random)
            else:
                started.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(random.uniform(0.0, 0.6))  # as above
        with contextlib.suppress(ProcessLookupError):
            started.process.kill()
        await started.exit_code(within_s=5.0)
        assert await started.gone() == [], f"seed {seed}, killed at {moment}"
        assert [port for port in ports if not is_free(port)] == [], f"seed {seed}, killed at {moment}"
    finally:
        await started.end()


async def burst(gateway: str, random: Random) -> None:
    """Some requests, a random number of which are still under way when this returns."""
    async with httpx.AsyncClient(base_url=gateway, trust_env=False, timeout=0.3) as http:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(0.05, 0.4)):
                await asyncio.gather(*(http.get("/api/products") for _ in range(50)), return_exceptions=True)


@pytest.mark.timeout(120)
async def test_nothing_outlives_a_killed_control_plane(tmp_path: Path) -> None:
    await rounds(away_from_others(tmp_path / "ws"), range(3))


async def rounds(workspace: Path, seeds: range) -> None:
    """One after the other in a workspace whose ports nobody else takes; the next start finds nothing in its way."""
    for seed in seeds:
        await one_round(workspace, seed)
    async with running_system(workspace) as system:
        assert (await system.gateway.get("/ready")).status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_nothing_outlives_a_killed_control_plane_fifty_times(tmp_path: Path) -> None:
    await rounds(away_from_others(tmp_path / "ws"), range(3, 53))


async def test_the_children_serve_on_while_the_control_plane_is_frozen(tmp_path: Path) -> None:
    async with running_away_from_others(tmp_path / "ws") as system:
        token = await system.login()
        system.launch.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(5):
                answer = await system.gateway.get("/api/products", headers=token)
                assert answer.status_code == 200
        finally:
            system.launch.process.send_signal(signal.SIGCONT)
