"""The system as a whole: how fast it starts, how little it takes when idle, and what a kill does to it."""

import asyncio
import tempfile
import time
from pathlib import Path

import httpx

from tests.benchmarks.figures import Figure
from tests.helpers.system import running_system


async def measure(*, quick: bool) -> list[Figure]:
    runs = 2 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return [
            await start_time(root / "start", runs, replicas=2, bar="≤ 2.0"),
            await start_time(root / "many", 1 if quick else 3, replicas=16, bar="≤ 5.0"),
            await stop_time(root / "start", runs),
            *await idle(root / "start", 5.0 if quick else 20.0),
            *await kills(root / "start", 5 if quick else 20),
            await orders(root / "start", runs),
        ]


async def start_time(workspace: Path, runs: int, *, replicas: int, bar: str) -> Figure:
    """From the command to the ready line, every start but the first."""
    seconds = []
    for run in range(runs + 1):
        began = time.perf_counter()
        async with running_system(workspace, "--replicas", str(replicas)):
            if run:
                seconds.append(time.perf_counter() - began)
    return Figure(f"start: {replicas * 4} instances healthy", "s", seconds, bar)


async def stop_time(workspace: Path, runs: int) -> Figure:
    """From SIGTERM until no process of it lives."""
    seconds = []
    for _ in range(runs):
        async with running_system(workspace) as system:
            began = time.perf_counter()
            await system.stop()
            left = await system.launch.gone()
            seconds.append(time.perf_counter() - began)
            if left:
                raise RuntimeError(f"left behind: {left}")
    return Figure("stop: nothing left", "s", seconds, "≤ 2.0")


async def idle(workspace: Path, seconds: float) -> list[Figure]:
    """Memory and CPU of all processes when nobody asks for anything, and nobody looks."""
    async with running_system(workspace) as system:
        await system.stream.__aexit__(None, None, None)
        await asyncio.sleep(3.0)
        processes = system.launch.processes()
        began = sum(sum(p.cpu_times()[:2]) for p in processes)
        await asyncio.sleep(seconds)
        used = sum(sum(p.cpu_times()[:2]) for p in processes) - began
        pss = [p.memory_full_info().pss for p in processes]
    return [
        Figure(f"idle: PSS of all {len(pss)} processes", "MB", [sum(pss) / 1e6], "< 500 with the window"),
        Figure("idle: CPU", "% of a core", [100 * used / seconds], "< 5 with the window"),
    ]


async def kills(workspace: Path, count: int) -> list[Figure]:
    """SIGKILL to one instance after another, under 200 GETs a second; the call that asks for it is in the time."""
    known: list[float] = []
    statuses: list[int] = []
    errors = 0
    async with running_system(workspace) as system:
        await system.control.patch_settings({"limits": {"limit": 1_000_000_000}})
        token = await system.login()
        stop = asyncio.Event()

        async def get() -> None:
            nonlocal errors
            try:
                answer = await system.gateway.get("/api/products/prod1", headers=token)
                statuses.append(answer.status_code)
            except httpx.TransportError:
                errors += 1

        async def offer() -> None:
            async with asyncio.TaskGroup() as group:
                due = time.perf_counter()
                while not stop.is_set():
                    due += 1 / 200
                    group.create_task(get())
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))

        async with asyncio.TaskGroup() as group:
            group.create_task(offer())
            for number in range(count):
                victim = f"order-{number % 2 + 1}"
                row = await system.until_healthy(victim)
                killed_at = time.time()
                await system.control.act_on_instance(victim, "kill")
                await system.until_healthy(victim, row.incarnation + 1)
                journal = (await system.control.journal()).items
                gone = next(c for c in journal if c.instance == victim and c.incarnation == row.incarnation)
                known.append((gone.at - killed_at) * 1000)
                await asyncio.sleep(0.25)  # so that both are serving when the next one dies
            stop.set()
    failed = errors + sum(status >= 400 for status in statuses)
    return [
        Figure("kill -9 → out of rotation", "ms", known, "≤ 100"),
        Figure(
            f"failed GETs at 200/s during {count} kills",
            "requests",
            [failed],
            "0",
            {"sent": len(statuses) + errors},
        ),
    ]


async def orders(workspace: Path, runs: int) -> Figure:
    """Orders placed through the gateway: each a transaction on `orders.db`, shared by two instances."""
    rates = []
    async with running_system(workspace) as system:
        await system.control.patch_settings({"limits": {"limit": 1_000_000_000}})
        token = await system.login()
        body = {"items": [{"productId": "prod1", "quantity": 1}]}

        async def place(count: int) -> None:
            for _ in range(count):
                answer = await system.gateway.post("/api/orders", headers=token, json=body)
                assert answer.status_code == 202, answer.text

        for _ in range(runs):
            began = time.perf_counter()
            await asyncio.gather(*(place(25) for _ in range(16)))
            rates.append(400 / (time.perf_counter() - began))
    return Figure("orders through the gateway, 16 clients (httpx-bound)", "/s", rates)
