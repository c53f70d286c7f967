"""Real processes: every step meets every fault while the orchestrator, a service or nobody is killed. Each saga ends, and the
services' own data add up.
"""

import asyncio
import itertools
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.helpers.order_sagas import Shop, shop
from tests.helpers.system import away_from_others, running_system

STEPS = ("validate-order", "reserve-inventory", "process-payment", "create-order", "send-confirmation")
FAULTS = ("before-call", "reply-lost", "slow", "fails", "undoing-fails-once", "undoing-fails-for-good")
KILLED = ("orchestrator", "participant", None)
CASES = list(itertools.product(range(len(STEPS)), FAULTS, KILLED))
SERVED_BY = ("order", "order", "payment", "order", "notification")
LATE_MS = 3_300
"""More than a step waits for an answer."""


def faults_of(step: int, fault: str) -> dict[str, Any]:
    name = STEPS[step]
    itself: dict[str, Any] = {
        "before-call": {"kind": "crash-orchestrator", "before": True},
        "reply-lost": {"kind": "reply-lost"},
        "slow": {"kind": "slow", "delayMs": LATE_MS, "times": 1},
        "fails": {"kind": "fail-step"},
    }
    if fault in itself:
        return {name: itself[fault]}
    step = min(step, len(STEPS) - 2)
    undoing: dict[str, Any] = {"kind": "fail-compensation", "times": 1, "final": fault.endswith("for-good")}
    return {STEPS[step]: undoing, STEPS[step + 1]: {"kind": "fail-step"}}


async def play(shop: Shop, case: tuple[int, str, str | None], random: Random) -> str:
    """One saga through one case, to its end. A person tries again what could not be undone."""
    step, fault, killed = case
    id_ = await shop.start(faults_of(step, fault), key=f"{case}-{random.random()}")
    if killed is not None:
        await asyncio.sleep(random.uniform(0, 0.15))
        victim = f"{SERVED_BY[step]}-{random.choice((1, 2))}" if killed == "participant" else killed
        await shop.kill(victim)
    saga = await shop.ended(id_)
    if saga["state"] == "compensation_failed":
        assert fault == "undoing-fails-for-good", saga
        answer = await shop.ask("POST", f"/sagas/{id_}/retry", {})
        # The orchestrator may have been killed between doing it and saying so, and was asked again.
        assert answer.status_code in (200, 409), answer.text
        saga = await shop.ended(id_)
    if fault in ("fails", "undoing-fails-once", "undoing-fails-for-good", "reply-lost"):
        assert saga["state"] == "compensated", saga
    return str(saga["state"])


async def play_all(
    folder: Path, cases: list[tuple[int, str, str | None]], at_once: int, seed: int
) -> list[str]:
    random = Random(seed)
    left = iter(cases)
    states: list[str] = []
    async with running_system(away_from_others(folder)) as system, shop(system) as place:

        async def work() -> None:
            states.extend([await play(place, case, random) for case in left])

        await asyncio.gather(*(work() for _ in range(at_once)))
        await place.quiet()
        assert place.audit() == []
    return states


async def test_a_sample_of_crashes_leaves_nothing_behind(tmp_path: Path) -> None:
    cases = Random(6).sample([case for case in CASES if case[1] != "slow"], 5)
    states = await play_all(tmp_path / "ws", [*cases, (2, "slow", "orchestrator")], 6, 6)
    assert len(states) == 6


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
async def test_every_crash_leaves_nothing_behind(tmp_path: Path, seed: int) -> None:
    cases = CASES[:]
    Random(seed).shuffle(cases)
    assert len(await play_all(tmp_path / "ws", cases, 6, seed)) == 90
