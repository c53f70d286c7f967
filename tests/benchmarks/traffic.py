"""Traffic: whether the generator sends what it was asked for, whether a system that stands still shows, and what a request costs.

It asks the gateway's `/health`, which nobody limits and no service answers, so that the figures are the generator's own.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from embedded_services.contracts.traffic import CustomRequest, Phase, Traffic, TrafficWish
from tests.benchmarks.figures import Figure, Missing
from tests.benchmarks.processes import cpu_s
from tests.helpers.eventually import until
from tests.helpers.system import RunningSystem, running_system

RATE: Final = 500.0
HIGH: Final = 2_000.0
CLIENTS: Final = 100
HEALTH: Final = CustomRequest(method="GET", path="/health", anonymous=True)


@dataclass(frozen=True)
class Pace:
    """Seconds, but for `rounds`."""

    rounds: int
    run_s: float
    freeze_s: float


FULL: Final = Pace(rounds=5, run_s=10.0, freeze_s=10.0)
QUICK: Final = Pace(rounds=2, run_s=3.0, freeze_s=3.0)


@dataclass(frozen=True)
class Reading:
    traffic: Traffic
    error_percent: float
    cpu_us: float


async def measure(*, quick: bool) -> list[Figure | Missing]:
    pace = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        async with running_system(Path(folder) / "ws") as system:
            at_rate = [await run_at(system, RATE, pace.run_s) for _ in range(pace.rounds)]
            high = [await run_at(system, HIGH, pace.run_s) for _ in range(pace.rounds)]
            frozen = await through_a_freeze(system, pace.freeze_s)
    return [*told(at_rate, RATE, "≤ 1"), *told(high, HIGH), *stalled(frozen, pace.freeze_s)]


async def run_at(system: RunningSystem, rate: float, seconds: float) -> Reading:
    """A whole run. Its error is of what was sent against what the schedule asked for, in percent."""
    await system.control.start_traffic(
        TrafficWish(rate=rate, requests=[HEALTH], clients=CLIENTS, duration_s=seconds)
    )
    pid = await generator(system)
    before = cpu_s(pid)
    traffic = await shown(system, lambda traffic: traffic.phase is Phase.STOPPED)
    totals = traffic.totals
    wanted = round(rate * seconds)
    return Reading(
        traffic,
        100 * abs(totals.sent - wanted) / wanted,
        1e6 * (cpu_s(pid) - before) / max(1, totals.sent),
    )


async def through_a_freeze(system: RunningSystem, seconds: float) -> Traffic:
    """The gateway is stopped for so long while traffic goes on; what waited meanwhile is answered afterwards."""
    await system.control.start_traffic(
        TrafficWish(rate=RATE, requests=[HEALTH], clients=CLIENTS, timeout_s=60.0)
    )
    await shown(system, lambda traffic: traffic.totals.done >= RATE)
    await system.control.act_on_process("gateway", "freeze")
    await asyncio.sleep(seconds)
    await system.control.act_on_process("gateway", "thaw")
    sent = (await system.control.traffic()).totals.sent
    await shown(system, lambda traffic: traffic.totals.done > sent and traffic.in_flight < 10)
    return await system.control.stop_traffic()


async def generator(system: RunningSystem) -> int:
    pids = [row.pid for row in (await system.control.processes()).items if row.name == "traffic" and row.pid]
    return pids[0]


async def shown(system: RunningSystem, holds: Callable[[Traffic], bool]) -> Traffic:
    async def look() -> Traffic | None:
        traffic = await system.control.traffic()
        return traffic if holds(traffic) else None

    return await until(look, within_s=120.0)


def told(readings: list[Reading], rate: float, bar: str = "") -> list[Figure]:
    at = f"at {rate:,.0f}/s"
    totals = [reading.traffic.totals for reading in readings]
    failed = sum(one.failed for one in totals)
    return [
        Figure(f"rate error {at}", "%", [one.error_percent for one in readings], bar, {"failed": failed}),
        Figure(
            f"generator late, of 99 % of what it sends, {at}",
            "ms",
            [one.late_p99_ms or 0.0 for one in totals],
        ),
        Figure(f"CPU of the generator, a request, {at}", "µs", [one.cpu_us for one in readings]),
        Figure(f"p99 of the answers, {at}", "ms", [one.p99_ms or 0.0 for one in totals]),
    ]


def stalled(traffic: Traffic, seconds: float) -> list[Figure]:
    """An open model shows the whole freeze; one that waits with the system would show one slow request a connection."""
    totals = traffic.totals
    at = f"{seconds:g} s freeze of the gateway at {RATE:,.0f}/s"
    errors = sum(totals.errors.values())
    return [
        Figure(
            f"{at}: longest",
            "s",
            [(totals.max_ms or 0.0) / 1000],
            f"≥ {0.97 * seconds:g}",
            {"errors": errors},
        ),
        Figure(f"{at}: p99", "s", [(totals.p99_ms or 0.0) / 1000], f"≥ {0.9 * seconds:g}"),
    ]
