"""Faults: whether they hit as often as asked and take as long as asked, what they cost whom they do not touch, and how fast
they come and go. Against nginx upstreams that answer at once, so that what is measured is the fault and not the service."""

import asyncio
import math
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, median
from typing import Any, Final

import aiohttp
import msgspec

from embedded_services.common.platform import raise_file_limit
from embedded_services.contracts.faults import FaultScope, FaultTarget, NewFault
from embedded_services.contracts.settings import CallPolicy, OutlierPolicy, RetryPolicy
from embedded_services.faults.distributions import delay_s
from embedded_services.faults.params import Delay
from tests.benchmarks.faultdeck import SERVICE, Faultdeck, faultdeck
from tests.benchmarks.figures import Figure, Missing, ratios
from tests.benchmarks.nginx import nginx
from tests.benchmarks.offered import percentile
from tests.benchmarks.processes import cpu_s, free_port
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.wrk import load

PATH: Final = "/api/products/1"
TARGET: Final = FaultTarget(service=SERVICE)
OTHER: Final = "elsewhere"
QUANTILE_99: Final = NormalDist().inv_cdf(0.995)


@dataclass(frozen=True)
class Pace:
    requests: int
    rounds: int
    seconds: int
    churn: int
    connections: int


FULL: Final = Pace(requests=10_000, rounds=7, seconds=3, churn=10_000, connections=1_000)
QUICK: Final = Pace(requests=1_000, rounds=2, seconds=1, churn=300, connections=100)


async def measure(*, quick: bool = False) -> Sequence[Figure | Missing]:
    pace = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="faultdeck-") as folder:
        raise_file_limit(16_384)
        ports = [free_port(), free_port()]
        async with nginx(Path(folder) / "upstreams", ports), faultdeck(Path(folder) / "ws", ports) as system:
            await _tried_once(system)
            async with _clients(system, 32) as client:
                figures: list[Figure | Missing] = []
                figures += await _shares(system, client, pace)
                figures += await _times(system, client, pace)
            figures += await _bystanders(system, pace)
            figures += await _coming_and_going(system, pace)
            figures += await _restored(system, pace)
            return figures


async def _tried_once(system: Faultdeck) -> None:
    """Every hit is seen by the client: no retry, no breaker, no ejection hides it."""
    policy = CallPolicy()
    policy = msgspec.structs.replace(
        policy,
        tries=1,
        timeout_s=30.0,
        retries=RetryPolicy(enabled=False),
        breaker=msgspec.structs.replace(policy.breaker, enabled=False),
        outliers=OutlierPolicy(enabled=False),
    )
    await system.control.patch_settings({"services": {SERVICE: {"policy": msgspec.to_builtins(policy)}}})


@asynccontextmanager
async def _clients(system: Faultdeck, connections: int) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=connections)
    headers = {"Authorization": f"Bearer {system.token()}"}
    async with aiohttp.ClientSession(system.url, headers=headers, connector=connector) as client:
        yield client


@asynccontextmanager
async def _armed(system: Faultdeck, kind: str, **fields: Any) -> AsyncIterator[str]:
    fault = NewFault(kind=kind, target=fields.pop("target", TARGET), ttl=600, **fields)
    armed = await system.control.arm_fault(fault)
    try:
        yield armed.id
    finally:
        await system.control.remove_fault(armed.id)


async def _asked(
    client: aiohttp.ClientSession, count: int, at_once: int = 32
) -> tuple[Counter[int], list[float]]:
    """Statuses, and seconds each took."""
    statuses: Counter[int] = Counter()
    took: list[float] = []
    numbers = iter(range(count))

    async def ask() -> None:
        for _ in numbers:
            began = time.perf_counter()
            async with client.get(PATH) as response:
                await response.read()
            took.append(time.perf_counter() - began)
            statuses[response.status] += 1

    await asyncio.gather(*(ask() for _ in range(at_once)))
    return statuses, took


# --- as often as asked ---


async def _shares(system: Faultdeck, client: aiohttp.ClientSession, pace: Pace) -> list[Figure]:
    await _asked(client, 200)  # connections are open, to us and upstream
    figures = []
    for probability in (0.0, 1.0, 0.01, 0.1, 0.5):
        for scope in (
            (FaultScope.REQUEST, FaultScope.CONNECTION)
            if probability in (0.0, 1.0)
            else (FaultScope.REQUEST,)
        ):
            async with _armed(
                system, "abort", params={"status": 503}, probability=probability, seed=7, scope=scope
            ):
                statuses, _ = await _asked(client, pace.requests)
            hit = 100 * statuses[503] / pace.requests
            figures.append(
                Figure(
                    f"abort, {probability:.0%} of requests asked, scope {scope.value}: off by",
                    "points",
                    [abs(hit - 100 * probability)],
                    f"≤ {_allowed(probability, pace.requests):.4g}",
                    notes={"hit": f"{statuses[503]:,} of {pace.requests:,}", "others": _others(statuses)},
                )
            )
    return figures


def _allowed(probability: float, count: int) -> float:
    """Percentage points: none at all, or what chance leaves in 99 of 100 runs."""
    if probability in (0.0, 1.0):
        return 0.0
    return 100 * QUANTILE_99 * math.sqrt(probability * (1 - probability) / count)


def _others(statuses: Counter[int]) -> str:
    return (
        ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()) if status != 503)
        or "none"
    )


# --- as long as asked ---


async def _times(system: Faultdeck, client: aiohttp.ClientSession, pace: Pace) -> list[Figure]:
    """The added time at p50 and p99 against the distribution's own, and how far off that is at most allowed to be."""
    figures = []
    count = max(200, pace.requests // 10)
    for params in (
        {"distribution": "fixed", "ms": 50},
        {"distribution": "uniform", "ms": 100, "jitterMs": 50},
        {"distribution": "normal", "ms": 100, "jitterMs": 20},
        {"distribution": "lognormal", "medianMs": 60, "sigma": 0.5},
    ):
        _, plain = await _asked(client, count, at_once=16)
        async with _armed(system, "latency", params=params, seed=3):
            _, took = await _asked(client, count, at_once=16)
        shape = msgspec.convert(params, Delay)
        plain.sort()
        took.sort()
        for share in (0.5, 0.99):
            asked = 1000 * delay_s(shape, share)
            added = 1000 * (percentile(took, share) - percentile(plain, 0.5))
            allowed = max(5.0, 0.05 * asked)
            figures.append(
                Figure(
                    f"latency {params['distribution']}, p{share * 100:g}: off by",
                    "ms",
                    [abs(added - asked)],
                    f"≤ {allowed:.1f}",
                    notes={"asked": f"{asked:.1f}", "added": f"{added:.1f}"},
                )
            )
    return figures


# --- whom they do not touch ---


async def _bystanders(system: Faultdeck, pace: Pace) -> list[Figure | Missing]:
    """The same load with nothing armed, with a fault on another service, and with one on the very service whose scope no
    request fits. Of a gateway that has all it can do, what a request costs is its CPU time: rates are other programs' too."""
    headers = {"Authorization": f"Bearer {system.token()}"}
    await system.control.patch_settings({"services": {OTHER: {"kind": "external", "replicas": 0}}})
    targets = (None, FaultTarget(service=OTHER), FaultTarget(service=SERVICE, header="X-Nobody-Sends-This"))

    running = (await system.control.processes()).items
    gateway = next(process.pid for process in running if process.name == "gateway" and process.pid)

    async def of_a_request() -> float:
        before = cpu_s(gateway)
        done = await load(f"{system.url}{PATH}", seconds=1, headers=headers)
        return 1e6 * (cpu_s(gateway) - before) / done.requests

    async def cpu(target: FaultTarget | None) -> float:
        if target is None:
            return await of_a_request()
        async with _armed(system, "abort", target=target, params={"status": 503}):
            return await of_a_request()

    none, other, same = await interleaved(targets, pace.rounds * pace.seconds, cpu)
    return [
        Figure("CPU of a request with nothing armed", "µs", none),
        Figure("  cost of a fault on another service", "%", _more(other, none), "≤ 2"),
        Figure("  of one on theirs, that asks for a header they lack", "%", _more(same, none), "≤ 2"),
    ]


def _more(with_faults: Sequence[float], without: Sequence[float]) -> list[float]:
    return [100 * (ratio - 1) for ratio in ratios(with_faults, without)]


# --- come and go ---


async def _coming_and_going(system: Faultdeck, pace: Pace) -> list[Figure]:
    """Armed and removed under load, as fast as it goes; each must have acted by the time that it is said to."""
    stop = asyncio.Event()
    memory = [await _memory(system)]
    async with _clients(system, 16) as client:

        async def press() -> int:
            count = 0
            while not stop.is_set():
                began = time.perf_counter()
                async with client.get(PATH) as response:
                    await response.read()
                count += 1
                await asyncio.sleep(max(0.0, 0.016 - (time.perf_counter() - began)))
            return count

        async with asyncio.TaskGroup() as group:
            pressing = [group.create_task(press()) for _ in range(16)]
            began = time.perf_counter()
            took = [await _once(system, client) for _ in range(pace.churn // 5)]
            others = iter(range(pace.churn - len(took)))

            async def churn() -> None:
                for _ in others:
                    await _once(system, client)

            await asyncio.gather(*(churn() for _ in range(8)))
            seconds = time.perf_counter() - began
            stop.set()
    memory.append(await _memory(system))
    took.sort()
    asked = sum(task.result() for task in pressing)
    return [
        Figure("click to effect: armed, answered and acting", "ms", [1000 * median(took)], "≤ 100"),
        Figure("  worst", "ms", [1000 * took[-1]], notes={"armed and removed in all": f"{pace.churn:,}"}),
        Figure("  at so many requests beside", "/s", [asked / seconds]),
        Figure("  memory of all processes grew by", "MB", [(memory[1] - memory[0]) / 2**20]),
    ]


async def _once(system: Faultdeck, client: aiohttp.ClientSession) -> float:
    """Seconds from asking for a fault until a request of ours has met it."""
    began = time.perf_counter()
    fault = await system.control.arm_fault(
        NewFault(
            kind="abort", target=FaultTarget(service=SERVICE, header="X-Mine"), params={"status": 418}, ttl=60
        )
    )
    async with client.get(PATH, headers={"X-Mine": "1"}) as response:
        assert response.status == 418, f"armed, and it did not act: {response.status}"
    took = time.perf_counter() - began
    await system.control.remove_fault(fault.id)
    return took


async def _memory(system: Faultdeck) -> float:
    return float(sum(process.pss or 0 for process in (await system.control.processes()).items))


async def _restored(system: Faultdeck, pace: Pace) -> list[Figure]:
    """Everything ended at once while so many requests are held up."""
    took: list[float] = []
    async with _clients(system, pace.connections) as client:
        for _ in range(3):
            for _ in range(3):
                await system.control.arm_fault(
                    NewFault(
                        kind="latency", target=TARGET, params={"distribution": "fixed", "ms": 25_000}, ttl=600
                    )
                )

            async def held() -> str:
                async with client.get(PATH) as response:
                    body = await response.text()
                return "200" if response.status == 200 else body

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(held()) for _ in range(pace.connections)]
                await _until_held(system, pace.connections)
                began = time.perf_counter()
                restored = await system.control.restore_all()
                took.append(1000 * (time.perf_counter() - began))
                assert len(restored.removed) == 3
                assert restored.pending == []
            assert Counter(task.result() for task in tasks).keys() == {"200"}, str(
                Counter(task.result()[:120] for task in tasks)
            )
    return [
        Figure(f"restore all, {pace.connections:,} requests held up", "ms", took, "≤ 250"),
    ]


async def _until_held(system: Faultdeck, count: int) -> None:
    async with asyncio.timeout(30):
        while await _in_flight(system) < count:  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.05)


async def _in_flight(system: Faultdeck) -> int:
    return sum(row.in_flight for row in (await system.control.instances()).items)
